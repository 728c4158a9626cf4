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
from tui.widgets.detail import detail_lines
from tui.widgets.lines import Lines
from tui.widgets.workers import Workers

WIDE = 100
DETAIL_LEAST = 10


class HomeScreen(MainScreen):
    """Workers and detail; the filter opens at the bottom."""

    def compose(self) -> ComposeResult:
        yield self.title_bar()
        with Container(id="body"):
            yield Workers(self.tv.store, lambda: self.tv.palette, self._empty)
            yield Lines(self._detail, lambda: self.tv.palette, id="detail")
        yield Input(placeholder="filter: name, host, branch or state; enter keeps it, esc clears it", id="filter")
        yield self.footer()

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.crew.focus()

    @property
    def crew(self) -> Workers:
        return self.query_one(Workers)

    def on_resize(self, event: Resize) -> None:
        self.lay_out(event.size.width, event.size.height)

    def lay_out(self, width: int, height: int) -> None:
        """Share the room between workers and detail."""
        workers, detail = self.crew, self.query_one("#detail")
        count = len(self.tv.store.visible())
        wide = width >= WIDE
        self.query_one("#body").set_class(not wide, "narrow")
        if wide:
            detail.styles.width, detail.styles.height = max(52, width * 46 // 100), "100%"
        else:
            room = height - 2
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
        return [[], [("  Opening the profile …", "dim")]]

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        workers = self.crew
        workers.redraw({*dirty, *workers.visible_names()} if tick else dirty)
        if dirty or tick:
            self.query_one("#detail", Lines).redraw()

    def rearrange(self) -> None:
        """The number of workers changed: lay out and draw everything."""
        self.lay_out(self.size.width, self.size.height)
        self.crew.lay_out()
        self.redraw(set(self.crew.visible_names()), tick=True)

    def open_filter(self) -> None:
        """Show the filter and type into it."""
        box = self.query_one("#filter", Input)
        box.display = True
        box.value = self.tv.store.pattern
        box.focus()

    def close_filter(self, *, clear: bool) -> bool:
        """Hide the filter; returns False if there was nothing to close or clear."""
        box = self.query_one("#filter", Input)
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
