"""Everything at a glance: facts, figures and curves, what was asked, the log's end."""

from __future__ import annotations

from textual.app import ComposeResult

from remote.snapshot import RunSnapshot
from tui.format import Line
from tui.keys import panel_hints
from tui.tabs.tab import Tab
from tui.widgets.detail import detail_lines
from tui.widgets.lines import Lines


class OverviewTab(Tab):
    """The detail panel on the whole screen."""

    NAME = "overview"

    def compose(self) -> ComposeResult:
        yield Lines(self._draw, lambda: self.tv.palette, id="detail")

    def _draw(self, width: int, height: int) -> list[Line]:
        store = self.tv.store
        row = store.current()
        if row is None:
            return []
        hints = panel_hints(row, width - 8, read_only=self.tv.read_only)
        return detail_lines(row, store.now(), store.colour(row.worker), width, height, keys=hints, focus=True)

    def redraw(self, row: RunSnapshot) -> None:
        self.query_one(Lines).redraw()
