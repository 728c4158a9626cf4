"""Every host: how it is reached, what it has and does, which workers are there, and what doctor says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from remote.errors import RemoteError
from remote.hosts import HostSnapshot
from remote.snapshot import RunSnapshot
from tui.format import Line
from tui.hosts import power
from tui.hosts.detail import CURSOR, DOCTOR, body_lines, framed
from tui.hosts.rows import HOST_ROWS, host_lines
from tui.keys import DOWN, FIRST, LAST, PAGE_DOWN, PAGE_UP, UP, Key, footer_line, table
from tui.screens.main import MainScreen, screen_bindings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import TrajvidApp

HOST_KEYS = table(
    "hosts",
    Key("reconnect", "ctrl+r", "ctrl+r", "reconnect", "try the host again now, and answer its question", "Hosts", 1),
    Key("shell", "s", "s", "shell", "a shell there, in the worktree of the selected worker", "Hosts", 2, True),
    Key("doctor", "D", "D", "doctor", "check everything that runs need there, and say how to mend it", "Hosts", 3),
    Key("start", "u", "u", "start", "start the EC2 instance; asks", "Hosts", 0, True),
    Key("stop", "x", "x", "stop", "stop the EC2 instance, if nothing runs there; asks for its name", "Hosts", 0, True),
    Key("open", "enter,d", "enter", "open worker", "the selected worker on the whole screen", "Hosts", 4),
    Key("select(-1)", *UP, "previous host", "Hosts"),
    Key("select(1)", *DOWN, "next host", "Hosts"),
    Key("select(-9999)", *FIRST, "first host", "Hosts"),
    Key("select(9999)", *LAST, "last host", "Hosts"),
    Key("worker(1)", "J,tab", "J", "next worker", "next worker of the host", "Hosts", 5),
    Key("worker(-1)", "K,shift+tab", "K", "previous worker", "previous worker of the host", "Hosts"),
    Key("scroll(-5)", *PAGE_UP, "what is said of the host, up", "Hosts"),
    Key("scroll(5)", *PAGE_DOWN, "what is said of the host, down", "Hosts"),
    Key("app.back", "escape,h", "esc", "back", "back to the workers", "Hosts", 6),
)  # fmt: skip
INSTANCE_KEYS = ("start", "stop")
"""Offered for an EC2 host only."""
ASK_AMAZON_S = 60.0


class HostsScreen(MainScreen, inherit_bindings=False):
    """The list above, the selected host below."""

    BINDINGS: ClassVar = screen_bindings(HOST_KEYS)

    def __init__(self, selected: str = "") -> None:
        super().__init__()
        self.hosts: list[HostSnapshot] = []
        self.selected = selected
        self.top = 0
        self._into_view = ""
        """What of the detail to scroll to when it is drawn next: `doctor`, or `worker` for the selected one."""
        self._asked_at: dict[str, float] = {}
        """When Amazon was last asked about each EC2 host."""
        self.list = Lines(self._list, lambda: self.tv.palette, id="hosts")
        self.detail = Lines(self._detail, lambda: self.tv.palette, id="host")

    @property
    def table(self) -> str:
        return "hosts"

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.list
        yield self.detail
        yield self.footer

    def on_mount(self) -> None:
        self.redraw(set(), tick=True)

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        """Facts come without any worker's news, so every second looks; a frozen screen stands still."""
        super().redraw(dirty, tick=tick)
        if not (dirty or tick):
            return
        fleet = self.tv.fleet
        if fleet is not None and (self.tv.store.frozen_at is None or not self.hosts):
            self.hosts = fleet.hosts()
            self._ask_amazon()
        names = [host.name for host in self.hosts]
        if self.selected not in names:
            self.selected = names[0] if names else ""
        self._lay_out()
        self.list.redraw()
        self.detail.redraw()

    def _ask_amazon(self) -> None:
        """How the EC2 hosts stand, while somebody looks at them."""
        now = self.tv.store.clock()
        for host in self.hosts:
            if host.ec2 is not None and not host.ec2.step and now >= self._asked_at.get(host.name, now):
                self._asked_at[host.name] = now + ASK_AMAZON_S
                self.tv.run_worker(power.look(self.tv, host.name), group="ec2", exit_on_error=False)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        """The list takes what it needs, and no more than its share."""
        room = max(2, self.size.height - 2)
        share = max(HOST_ROWS, room * 2 // 5 // HOST_ROWS * HOST_ROWS)
        self.list.styles.height = min(len(self.hosts) * HOST_ROWS, share) if self.hosts else room

    # ------------------------------------------------------------------ what is shown

    @property
    def host(self) -> HostSnapshot | None:
        """The selected one."""
        return next((one for one in self.hosts if one.name == self.selected), None)

    def crew(self) -> list[RunSnapshot]:
        """Those of the selected host."""
        return [row for row in self.tv.store.all() if row.host == self.selected]

    @property
    def worker(self) -> str:
        """The selected worker, if it is of the selected host, else the host's first; '' if it has none."""
        names = [row.worker for row in self.crew()]
        return self.tv.store.selected if self.tv.store.selected in names else names[0] if names else ""

    def _list(self, width: int, height: int) -> list[Line]:
        if not self.hosts:
            opening = self.tv.fleet is None and not self.tv.failed
            why = "Opening the profile …" if opening else "The profile names no host."
            return [[], [(f"  {why}", "dim")], [("  hosts:", "bold"), (" in profiles.yaml adds some.", "dim")]]
        now, at = self.tv.store.now(), [host.name for host in self.hosts].index(self.selected)
        fit = max(1, height // HOST_ROWS)
        first = max(0, min(at - fit // 2, len(self.hosts) - fit))
        rows = self.tv.store.all()
        return [
            line
            for host in self.hosts[first : first + fit]
            for line in host_lines(host, [row for row in rows if row.host == host.name], now, width,
                                   selected=host.name == self.selected)
        ]  # fmt: skip

    def _detail(self, width: int, height: int) -> list[Line]:
        host = self.host
        if host is None or width < 24 or height < 3:
            return []
        report, looking = self.tv.store.reports.get(host.name), host.name in self.tv.store.looking
        body = body_lines(
            host, self.crew(), self.tv.store.now(), width - 4, worker=self.worker, report=report, looking=looking
        )
        self._scroll(body, height - 2)
        fit = self.list.size.height // HOST_ROWS
        which = f"host {self.hosts.index(host) + 1} of {len(self.hosts)}" if len(self.hosts) > fit else ""
        return framed(host, body, self.top, width, height, foot=which)

    def _scroll(self, body: list[Line], room: int) -> None:
        """Bring into view what somebody asked for, the last row being no place for it where more lines follow."""
        what, self._into_view = self._into_view, ""
        if what == "doctor":
            self.top = next((at for at, line in enumerate(body) if DOCTOR in line), 0)
        elif what == "worker":
            at = next((at for at, line in enumerate(body) if CURSOR in line), 0)
            self.top = min(at, max(self.top, at - room + 2))
        self.top = max(0, min(self.top, len(body) - room))

    def _footer_lines(self, width: int, height: int) -> list[Line]:
        instance = INSTANCE_KEYS if self.host is not None and self.host.ec2 is not None else ()
        keys = [*(key for key in HOST_KEYS if key.rank), *(key for key in HOST_KEYS if key.action in instance)]
        keys = [key for key in keys if not (self.tv.read_only and key.mutates)]
        return [footer_line(sorted(keys, key=lambda key: key.rank), width)]

    # ------------------------------------------------------------------ keys

    def action_select(self, by: int) -> None:
        names = [host.name for host in self.hosts]
        if names:
            self.choose(names[max(0, min(len(names) - 1, names.index(self.selected) + by))])

    def choose(self, name: str) -> None:
        """Show another host, and select a worker of it."""
        self.selected, self.top = name, 0
        if worker := self.worker:
            self.tv.pick(worker)
        self.redraw(set(), tick=True)

    def action_worker(self, by: int) -> None:
        names = [row.worker for row in self.crew()]
        if names:
            self.tv.pick(names[(names.index(self.worker) + by) % len(names)])
            self._into_view = "worker"
            self.detail.redraw()

    def action_scroll(self, by: int) -> None:
        self.top += by
        self.detail.redraw()

    def action_open(self) -> None:
        if worker := self.worker:
            if worker not in [row.worker for row in self.tv.store.visible()]:
                self.tv.store.pattern = ""
            self.tv.pick(worker)
            self.tv.action_open()

    def action_reconnect(self) -> None:
        if self.selected and self.tv.fleet is not None:
            self.tv.fleet.retry_now(self.selected)
            self.tv.toast(f"trying {self.selected} again")

    def action_start(self) -> None:
        self._power("start")

    def action_stop(self) -> None:
        self._power("stop")

    def _power(self, doing: str) -> None:
        host = self.host
        if host is None:
            return
        if host.ec2 is None:
            self.tv.toast(f"{doing}: {host.name} is no EC2 instance", "warning")
            return
        work = power.start if doing == "start" else power.stop
        self.tv.in_background(host.name, f"ec2 {doing}", lambda: work(self.tv, host))

    def action_shell(self) -> None:
        if self.selected:
            self.tv.shell_on(self.selected, self.worker)

    def action_doctor(self) -> None:
        if self.selected and self.selected not in self.tv.store.looking and self.tv.verbs is not None:
            self.tv.store.looking.add(self.selected)
            # The app's worker, not the screen's: leaving the screen does not end it, and the report is there on return.
            self.tv.run_worker(self._look(self.tv, self.selected), group="doctor", exit_on_error=False)
            self.detail.redraw()

    async def _look(self, app: TrajvidApp, host: str) -> None:
        """Doctor's own failures are checks that failed; only what it did not foresee is told aside."""
        try:
            assert app.verbs is not None
            [app.store.reports[host]] = await app.verbs.examine(app.fleet, [host], laptop=False)
        except RemoteError as exc:
            app.toast(f"{exc.message}\n→ {exc.hint}", "error", title=f"{host}: doctor failed")
        except Exception as exc:
            app.toast(f"{type(exc).__name__}: {exc}", "error", title=f"{host}: doctor failed")
        finally:
            app.store.looking.discard(host)
            if isinstance(app.screen, HostsScreen):  # maybe another one than that which asked
                app.screen.looked(host)

    def looked(self, host: str) -> None:
        """Doctor has ended its look at a host: bring what it says into view."""
        self._into_view = "doctor" if host == self.selected else ""
        self.detail.redraw()
