"""The log: follow, scroll, search."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from remote.snapshot import RunSnapshot
from tui.format import Line, joined, size, spread
from tui.keys import LOG_KEYS
from tui.tabs.tab import Tab, tab_bindings
from tui.widgets.lines import Lines
from tui.widgets.log import LogView
from tui.words import age_words


class LogTab(Tab):
    """Reads the stream that the fleet keeps for the selected worker."""

    NAME = "log"
    KEYS = LOG_KEYS
    BINDINGS = tab_bindings(LOG_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.view = LogView(lambda: self.tv.palette)
        self.box = Input(placeholder="search the log; enter finds, esc closes", id="find")

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.view
        yield self.box

    def on_mount(self) -> None:
        self.box.display = False

    def take_focus(self) -> None:
        self.view.focus()

    def _head(self, width: int, height: int) -> list[Line]:
        row = self.tv.store.current()
        if row is None:
            return [[]]
        follow: Line = [("▼ following", "ok")] if self.view.following else [("‖ not following: f", "warn")]
        found: Line = []
        if self.view.needle:
            count = len(self.view.matches())
            found = [(f"{count} rows match {self.view.needle}", "warn" if count else "bad")]
        skipped: Line = [(f"{size(row.log_skipped_bytes)} earlier not shown", "dim")] if row.log_skipped_bytes else []
        end = [*joined([found, follow, [age_words(row, self.tv.store.now())]]), (" ", "")]
        return [spread([(" ", ""), *skipped], end, width)]

    def redraw(self, row: RunSnapshot) -> None:
        nothing = "The run has printed nothing yet." if row.run else "Never launched: n launches it."
        self.view.empty = [(f" {nothing}", "dim")]
        self.view.show(row.log_tail)
        self.head.redraw()

    def action_scroll(self, by: int) -> None:
        self.view.move(by)
        self.head.redraw()

    def action_top(self) -> None:
        self.action_scroll(-(10**9))

    def action_end(self) -> None:
        self.action_scroll(10**9)

    def action_follow(self) -> None:
        self.action_scroll(-1 if self.view.following else 10**9)

    def action_find(self) -> None:
        self.box.display = True
        self.box.focus()

    def action_again(self, step: int) -> None:
        if not self.view.search(step) and self.view.needle:
            self.tv.toast(f"{self.view.needle} is not in what is shown", "warning")
        self.head.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.view.needle, self.view.at = event.value, -1
        self._close_find()
        self.action_again(-1)

    def _close_find(self) -> None:
        self.box.display = False
        self.view.focus()

    async def action_leave(self) -> None:
        """Close the search, or the screen."""
        if self.box.display:
            self._close_find()
        else:
            await self.tv.action_back()
