"""The app: opens the fleet after the first paint, keeps the store, flushes it to the screens, maps keys to verbs."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App

from remote.asker import Asker
from remote.errors import RemoteError
from remote.snapshot import RunSnapshot
from tui.actions import VerbKeys
from tui.events import Hook, HostWatch, News, Severity, Warned, Watch, of_run
from tui.format import safe
from tui.keymap import APP, check_keys
from tui.leaving import what_goes_on
from tui.lifetime import end_with_terminal, terminal_lost
from tui.opening import Opening, close_fleet
from tui.palette import Commands
from tui.remembered import Remembered, app_state_file, recall, remember
from tui.screens.activity import ActivityScreen
from tui.screens.ask import ModalAsker
from tui.screens.compare import CompareScreen
from tui.screens.help import HelpScreen
from tui.screens.home import HomeScreen
from tui.screens.hosts import HostsScreen
from tui.screens.main import MainScreen
from tui.screens.worker import WorkerScreen
from tui.session import FleetLike, Opener, ProfileSession, VerbsLike
from tui.settings import Settings, settings
from tui.store import ORDERS, PROFILE, Store
from tui.tables import TABLES
from tui.tabs.overview import OverviewTab
from tui.theme import COLOURS, DEFAULT_THEME, Palette, chosen_theme, themes
from tui.verbs import VerbRunner
from tui.widgets.picture import prepare

if TYPE_CHECKING:
    from textual.screen import Screen

FLUSH_S = 0.25


class TrajvidApp(Opening, VerbKeys, App[int]):
    """Draws the snapshots of a fleet and calls verbs; nothing else.

    `opener` gives the fleet (and is awaited after the first paint); `verbs` is `remote.runs` or anything like it.
    """

    TITLE = "trajvid-tui"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    COMMANDS: ClassVar = {Commands}
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(
        self, opener: Opener, *, verbs: VerbsLike | None = None, project: str = "", cached: Iterable[RunSnapshot] = (),
        read_only: bool = False, start: bool = False, store: Store | None = None, session: ProfileSession | None = None,
        options: Settings | None = None, memory: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        options, self._memory = options or Settings(), memory
        remembered = recall(memory) if memory is not None else Remembered()
        self.fleet: FleetLike | None = None
        self.failed = False
        self.store = store or Store()
        self.project, self.read_only, self._start = project, read_only, start
        self.palette = Palette(DEFAULT_THEME, colour=not self.no_color)
        self.asker = ModalAsker(self)
        self._opener, self._verbs, self._session = opener, verbs, session
        self._runner: VerbRunner | None = None
        self._second = 0
        self._standing, self._hosts, self._warned = Watch(), HostWatch(), Warned()
        self._hook = Hook(options.on_event, lambda problem: self.toast(problem, "warning"))
        self._streamed = ""
        self._undo_signals = lambda: None
        self.store.fill(cached)
        for theme in themes():
            self.register_theme(theme)
        self.theme = chosen_theme(options, remembered.theme)
        self.store.order = remembered.order if remembered.order in ORDERS else PROFILE
        self._layout = remembered.layout or "auto"

    @property
    def verbs(self) -> VerbsLike | None:
        """The control plane's verbs, once the fleet is there."""
        return self._verbs if self.fleet is not None else None

    # ------------------------------------------------------------------ life

    def get_default_screen(self) -> Screen[Any]:
        return HomeScreen(self.store, self._layout)

    def on_mount(self) -> None:
        self._undo_signals = end_with_terminal(lambda: self.exit(129, return_code=129))
        self.set_interval(FLUSH_S, self.flush)
        self.set_interval(1.0, self._watch_terminal)
        self.set_interval(1.0, self.watch_profile)
        self.call_after_refresh(self._begin)

    async def on_unmount(self) -> None:
        self._undo_signals()
        if self._memory is not None:
            remember(self._memory, Remembered(self.theme, self._layout, self.store.order))
        await close_fleet(self.fleet)

    def _watch_terminal(self) -> None:
        if not self.is_headless and terminal_lost():
            self.exit(129, return_code=129)

    # ------------------------------------------------------------------ news

    def _on_snapshot(self, snapshot: RunSnapshot) -> None:
        """The fleet's callback: only the store changes; a new end of a run is told."""
        old = self.store.put(snapshot)
        if old is None:
            self.call_next(self._rearrange)
        else:
            self._tell(of_run(old, snapshot))
            if old.state.active and snapshot.state.final and self._runner is not None and not self.read_only:
                self._runner.proofs.ended(snapshot)
            self._tell(self._hosts.look(snapshot))
            self._tell(self._hosts.leaves(snapshot))

    def _tell(self, event: News | None) -> None:
        """A toast, a bell for what went wrong, and the person's hook."""
        if event is None:
            return
        self.toast(event.text, event.severity, title=event.about)
        if event.severity == "error":
            self.bell()
        self.run_worker(self._hook.tell(event), group="hook", exit_on_error=False)

    def flush(self, *, everything: bool = False) -> None:
        """Draw what is dirty, or everything: 4 times a second, and when asked."""
        second = int(self.store.wall())
        tick, self._second = second != self._second or everything, second
        if tick:
            warned = self._warned.look(self.fleet.warnings) if self.fleet is not None else []
            for event in (*self._standing.look(self.store.all(), self.store.clock()), *warned):
                self._tell(event)
        self._draw(self.store.take_dirty(), tick=tick)

    def _draw(self, dirty: set[str], *, tick: bool = False) -> None:
        self._stream_selected()
        if dirty or tick:
            for screen in self.screen_stack:
                if isinstance(screen, MainScreen) and screen.is_mounted:
                    screen.redraw(dirty, tick=tick)

    def _stream_selected(self) -> None:
        """Only the selected worker's log crosses the network."""
        row = self.store.current()
        if self.fleet is not None and row is not None and row.worker != self._streamed:
            self._streamed = row.worker
            try:
                self.fleet.select(row.worker)
            except RemoteError:
                self._streamed = ""

    def _rearrange(self) -> None:
        home = self.screen_stack[0] if self.screen_stack else None
        if isinstance(home, HomeScreen) and home.is_mounted:
            home.rearrange()
        self.flush(everything=True)

    def toast(self, text: str, severity: Severity = "information", *, title: str = "") -> None:
        """Tell something for a while; never markup."""
        lines = "\n".join(safe(line) for line in text.split("\n"))
        self.notify(lines, title=safe(title), severity=severity, timeout=12 if severity == "error" else 6, markup=False)

    def watch_theme(self, theme: str) -> None:
        self.palette = Palette(theme, colour=not self.no_color)

    # ------------------------------------------------------------------ keys

    def do(self, action: str) -> None:
        """Run an action of the key table by name (the palette)."""
        self.call_later(self.run_action, action)

    def pick(self, worker: str) -> None:
        """Select a worker."""
        self.store.selected = worker
        self._moved()

    def use_theme(self, theme: str) -> None:
        self.theme = theme
        self._rearrange()

    def action_move(self, by: int) -> None:
        self.store.move(by)
        self._moved()

    def action_side(self, by: int) -> None:
        self.action_move(by)

    def action_next(self, by: int) -> None:
        names = [row.worker for row in self.store.visible()]
        if names:
            at = names.index(self.store.selected) if self.store.selected in names else 0
            self.pick(names[(at + by) % len(names)])

    def _moved(self) -> None:
        """Answer the key at once with what it changed; other rows wait for their turn."""
        self._draw({self.store.selected})

    def action_open(self, tab: str = OverviewTab.NAME) -> None:
        """Show a tab of the selected worker."""
        if isinstance(self.screen, WorkerScreen):
            self.screen.show(tab)
        elif self.store.current() is not None:
            self.push_screen(WorkerScreen(tab))

    async def action_back(self) -> None:
        if isinstance(self.screen, HomeScreen):
            if not self.screen.close_filter(clear=True):
                self.store.clear_marks()
                self._rearrange()
        elif len(self.screen_stack) > 1:
            self.pop_screen()

    def action_mark(self) -> None:
        if row := self.store.current():
            self.store.toggle_mark(row.worker)
            self._draw({row.worker})

    def action_mark_range(self) -> None:
        if row := self.store.current():
            self.toast(f"{self.store.mark_to(row.worker)} marked: verbs are for all of them")
            self.flush()

    def action_order(self) -> None:
        names = list(ORDERS)
        self.store.order = names[(names.index(self.store.order) + 1) % len(names)]
        self.toast(f"sorted by {self.store.order}")
        self._rearrange()

    def action_compare(self) -> None:
        if not isinstance(self.screen, CompareScreen):
            self.push_screen(CompareScreen())

    def action_hosts(self) -> None:
        row = self.store.current()
        self.show_host(row.host if row is not None else "")

    def show_host(self, name: str) -> None:
        """Every host, this one in full."""
        if isinstance(self.screen, HostsScreen):
            self.screen.choose(name)
        else:
            self.push_screen(HostsScreen(name))

    def action_activity(self) -> None:
        if not isinstance(self.screen, ActivityScreen):
            self.push_screen(ActivityScreen())

    def action_housekeeping(self, name: str) -> None:
        """One of the screens that are opened now and then."""
        from tui.screens.housekeeping import SCREENS

        if not isinstance(self.screen, SCREENS[name]):
            self.push_screen(SCREENS[name]())

    def bell(self) -> None:
        """Nothing is written while the terminal is lent to a shell."""
        if not self._batch_count:
            super().bell()

    def action_filter(self) -> None:
        if isinstance(self.screen, HomeScreen):
            self.screen.open_filter()

    def action_layout(self) -> None:
        if isinstance(self.screen, HomeScreen):
            workers = self.screen.crew
            workers.wish = self._layout = "board" if workers.arrangement.panels else "panels"
            self._rearrange()

    def action_freeze(self) -> None:
        self.store.freeze()
        self._rearrange()

    def action_theme(self) -> None:
        names = list(COLOURS)
        self.use_theme(names[(names.index(self.theme) + 1) % len(names)])

    def action_palette(self) -> None:
        self.action_command_palette()

    def action_help(self) -> None:
        first = self.screen.table if isinstance(self.screen, MainScreen) else APP
        self.push_screen(HelpScreen(self.palette, first, read_only=self.read_only))

    async def action_quit(self) -> None:
        """Leave at once; what goes on is said on the terminal that stays."""
        tested = sorted(self._runner.proofs.running) if self._runner is not None else ()
        lines = what_goes_on(self.store.all(), self.store.clock(), tested)
        self.exit(0, message=self.palette.text(lines))


def run_app(profile_path: Path | None, *, read_only: bool = False, start: bool = False) -> int:
    """Run the app on a profile (None: the one found from the current folder upwards); returns the exit code.

    With `start`, workers that never ran are launched as soon as their hosts have told what they know.
    """
    options = settings()
    check_keys(TABLES, options)
    session = ProfileSession(profile_path)
    project, rows = session.remembered()
    prepare(options)

    async def opener(asker: Asker) -> FleetLike:
        """Open the fleet. What was imported for it stays: looking through it for garbage would take 60 ms each time."""
        try:
            return await session.open(asker)
        finally:
            gc.freeze()
            gc.enable()

    app = TrajvidApp(opener, project=safe(project), cached=rows, read_only=read_only, start=start,
                     session=session, options=options, memory=app_state_file())  # fmt: skip
    try:
        result = app.run()
    finally:
        session.close()
    return result if isinstance(result, int) else app.return_code or 0
