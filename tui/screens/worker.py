"""One worker on the whole screen: facts and curves, what was asked, the log."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.format import Line
from tui.keys import KEYS, Key, panel_hints
from tui.screens.main import MainScreen
from tui.widgets.detail import detail_lines
from tui.widgets.lines import Lines


class WorkerScreen(MainScreen):
    """The selected worker; tab goes on to the next one."""

    FOOTER = (
        *(key for key in KEYS if key.verb or key.action == "freeze"),
        Key("back", "escape", "esc", "back", "", "Screens", 9),
        Key("next", "tab", "tab", "next worker", "", "Move", 10),
    )

    def __init__(self) -> None:
        super().__init__()
        self.detail = Lines(self._detail, lambda: self.tv.palette, id="detail")

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.detail
        yield self.footer

    def _detail(self, width: int, height: int) -> list[Line]:
        store = self.tv.store
        row = store.current()
        if row is None:
            return []
        hints = panel_hints(row, width - 8, read_only=self.tv.read_only)
        return detail_lines(row, store.now(), store.colour(row.worker), width, height, keys=hints, focus=True)

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        if self.touched(dirty, tick=tick):
            self.detail.redraw()
