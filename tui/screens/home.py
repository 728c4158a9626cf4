"""Home: every worker, and the selected one in full beside them (wide) or below (narrow)."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Resize
from textual.widgets import Input

from tui.format import Line
from tui.keys import panel_hints
from tui.messages import WorkerOpened, WorkerPicked
from tui.screens.main import MainScreen
from tui.store import Store
from tui.widgets.detail import detail_lines
from tui.widgets.lines import Lines
from tui.widgets.workers import Workers

WIDE = 100
DETAIL_LEAST = 10


class HomeScreen(MainScreen):
    """Workers and detail; the filter opens at the bottom."""

    def __init__(self, store: Store, layout: str = "auto") -> None:
        super().__init__()
        self.crew = Workers(store, lambda: self.tv.palette, self._empty)
        self.crew.wish = layout
        self.detail = Lines(self._detail, lambda: self.tv.palette, id="detail")
        self.body = Container(self.crew, self.detail, id="body")
        self.box = Input(placeholder="filter: name, host, branch or state; enter keeps it, esc clears it", id="filter")

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.body
        yield self.box
        yield self.footer

    def on_mount(self) -> None:
        self.box.display = False
        self.crew.focus()

    def on_resize(self, event: Resize) -> None:
        self.lay_out(event.size.width, event.size.height)

    def lay_out(self, width: int, height: int) -> None:
        """Share the room between workers and detail."""
        workers, detail = self.crew, self.detail
        count = len(self.tv.store.visible())
        wide = width >= WIDE
        self.body.set_class(not wide, "narrow")
        if wide:
            detail.styles.width, detail.styles.height = max(52, width * 46 // 100), "100%"
        else:
            room = height - (6 if self.box.display else 2)
            wanted = max(6, 3 * count)
            detail.styles.width, detail.styles.height = "100%", max(min(DETAIL_LEAST, room // 2), room - wanted)
        workers.styles.width = "1fr"
        workers.styles.height = "100%" if wide else "1fr"

    def _detail(self, width: int, height: int) -> list[Line]:
        store = self.tv.store
        row = store.current()
        if row is None:
            return []
        hints = panel_hints(row, width - 8, read_only=self.tv.read_only)
        return detail_lines(row, store.now(), store.colour(row.worker), width, height, keys=hints)

    def _empty(self) -> list[Line]:
        if self.tv.store.pattern:
            return [
                [],
                [("  No worker matches ", ""), (self.tv.store.pattern, "bold"), (".", "")],
                [("  esc", "bold info"), (" clears the filter.", "dim")],
            ]
        if self.tv.failed:
            return []
        if self.tv.fleet is None:
            return [[], [("  Opening the profile …", "dim")]]
        return [[], [("  The profile has no workers.", "")], [("  Add some under ", "dim"), ("workers:", "bold")]]

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        workers = self.crew
        workers.redraw({*dirty, *workers.visible_names()} if tick else dirty)
        if self.touched(dirty, tick=tick):
            self.detail.redraw()

    def rearrange(self) -> None:
        """The number of workers changed: lay out and draw everything."""
        self.lay_out(self.size.width, self.size.height)
        self.crew.lay_out()
        self.redraw(set(self.crew.visible_names()), tick=True)

    def open_filter(self) -> None:
        """Show the filter and type into it."""
        box = self.box
        box.display = True
        box.value = self.tv.store.pattern
        box.focus()
        self.rearrange()

    def close_filter(self, *, clear: bool) -> bool:
        """Hide the filter; returns False if there was nothing to close or clear."""
        box = self.box
        if not box.display and not self.tv.store.pattern:
            return False
        if clear:
            self.tv.store.pattern = ""
        box.display = bool(self.tv.store.pattern)
        self.crew.focus()
        self.rearrange()
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        self.tv.store.pattern = event.value
        self.rearrange()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.close_filter(clear=False)

    def on_worker_picked(self, message: WorkerPicked) -> None:
        self.tv.pick(message.worker)

    def on_worker_opened(self, message: WorkerOpened) -> None:
        self.tv.pick(message.worker)
        self.tv.action_open()
