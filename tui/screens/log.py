"""The log of the selected worker on the whole screen: follow, scroll, search."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from tui.format import Line, joined, size, spread
from tui.keys import KEYS, LOG_KEYS
from tui.screens.main import MainScreen, app_bindings
from tui.widgets.lines import Lines
from tui.widgets.log import LogView
from tui.words import age_words, notice, state_words

FROM_APP = tuple(key for key in KEYS if key.action in ("help", "quit", "palette", "stop", "freeze", "theme"))


class LogScreen(MainScreen, inherit_bindings=False):
    """Reads the stream that the fleet keeps for the selected worker."""

    BINDINGS: ClassVar = [
        *app_bindings(FROM_APP),
        *(Binding(key.keys, key.action, key.help, show=False) for key in LOG_KEYS),
    ]

    FOOTER = LOG_KEYS

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.view = LogView(lambda: self.tv.palette)
        self.box = Input(placeholder="search the log; enter finds, esc closes", id="find")

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.head
        yield self.view
        yield self.box
        yield self.footer

    def on_mount(self) -> None:
        self.box.display = False
        self.view.focus()
        self.redraw(set(), tick=True)

    def _head(self, width: int, height: int) -> list[Line]:
        store = self.tv.store
        row = store.current()
        if row is None:
            return [[]]
        now = store.now()
        follow: Line = [("▼ following", "ok")] if self.view.following else [("‖ not following: f", "warn")]
        found: Line = []
        if self.view.needle:
            count = len(self.view.matches())
            found = [(f"{count} rows match {self.view.needle}", "warn" if count else "bad")]
        noted = notice(row, now)
        left = joined(
            [[(row.worker, f"bold {store.colour(row.worker)}")], [state_words(row, now)], [noted or ("", "")]]
        )
        skipped: Line = [(f"{size(row.log_skipped_bytes)} earlier not shown", "dim")] if row.log_skipped_bytes else []
        rule: Line = [("─" * width, "faint")]
        return [
            spread([(" ", ""), *left], [*joined([skipped, found, follow, [age_words(row, now)]]), (" ", "")], width),
            rule,
        ]

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        row = self.tv.store.current()
        if row is not None and (tick or row.worker in dirty):
            nothing = "The run has printed nothing yet." if row.run else "Never launched: esc, then n."
            self.view.empty = [(f" {nothing}", "dim")]
            self.view.show(row.log_tail)
            self.head.redraw()

    def _changed(self) -> None:
        self.head.redraw()

    def action_scroll(self, by: int) -> None:
        self.view.move(by)
        self._changed()

    def action_top(self) -> None:
        self.view.move(-(10**9))
        self._changed()

    def action_end(self) -> None:
        self.view.move(10**9)
        self._changed()

    def action_follow(self) -> None:
        self.action_end() if not self.view.following else self.view.move(-1)
        self._changed()

    def action_find(self) -> None:
        box = self.box
        box.display = True
        box.focus()

    def action_again(self, step: int) -> None:
        if not self.view.search(step) and self.view.needle:
            self.tv.toast(f"{self.view.needle} is not in what is shown", "warning")
        self._changed()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.view.needle, self.view.at = event.value, -1
        self._close_find()
        self.action_again(-1)

    def _close_find(self) -> None:
        self.box.display = False
        self.view.focus()

    def action_leave(self) -> None:
        if self.box.display:
            self._close_find()
        else:
            self.app.pop_screen()
