"""One page of what ran since some moment: read here, or written as Markdown into the results folder."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from remote.errors import RemoteError, Unreachable
from remote.folders import results_folder
from remote.report import Report
from tui.activity.since import since
from tui.compare.writing import save
from tui.copying import copy
from tui.format import Line
from tui.housekeeping.keys import REPORT_KEYS
from tui.housekeeping.report import file_name, page
from tui.screens.choose import Choose
from tui.screens.housekeeping.asking import AskingScreen
from tui.screens.main import screen_bindings
from tui.widgets.text import TextView, by_words

SPANS = {"12h": "the last 12 hours", "1d": "the last day", "1w": "the last week", "30d": "the last 30 days",
         "ever": "everything that is known"}  # fmt: skip


class ReportScreen(AskingScreen, inherit_bindings=False):
    """What hosts do not tell is told by the results here, and the page says so."""

    KEYS = REPORT_KEYS
    BINDINGS: ClassVar = screen_bindings(REPORT_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.span = "1d"
        self.found: Report | None = None
        self.text = TextView(lambda: self.tv.palette, id="page")
        self.text.colour, self.text.broken = page_line, by_words
        self.box = Input(placeholder="search the page; enter finds, esc closes", id="find")

    @property
    def table(self) -> str:
        return "report"

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.head
        yield self.text
        yield self.box
        yield self.footer

    def on_mount(self) -> None:
        self.box.display = False
        self.set_focus(self.text)
        super().on_mount()

    async def look(self, hosts: Collection[str]) -> dict[str, RemoteError]:
        assert self.tv.verbs is not None
        away = {name: Unreachable("not connected") for name in self.hosts() if name not in hosts}
        since_s = since("" if self.span == "ever" else self.span, self.tv.store.wall())
        self.found = await self.tv.verbs.report(self.tv.fleet, list(self.hosts()), since_s, away)
        return {}

    # ------------------------------------------------------------------ what is shown

    def title_words(self) -> Line:
        return [("Report  ", "bold"), (f"of {SPANS[self.span]}", "bold accent")]

    def draw(self) -> None:
        super().draw()
        if self.found is not None:
            self.text.show("\n".join(page(self.found)).split("\n"))
        else:
            [_, self.text.empty, *_] = self.nothing("")
            self.text.refresh()

    # ------------------------------------------------------------------ keys

    def action_since(self) -> None:
        self.run_worker(self._choose(), exit_on_error=False)

    async def _choose(self) -> None:
        chosen = await self.tv.push_screen_wait(Choose("A report of", SPANS))
        if chosen is not None:
            self.span = chosen
            self.ask()

    def action_write(self) -> None:
        if self.found is not None:
            self.run_worker(self._write(self.found), exit_on_error=False)

    async def _write(self, found: Report) -> None:
        """What is on the screen, as it was told; a host is not asked again for it."""
        assert self.tv.fleet is not None
        lines = page(found, as_markdown=True)
        try:
            path = results_folder(self.tv.fleet.results) / file_name(self.tv.store.wall())
            await asyncio.to_thread(save, path, "\n".join([*lines, ""]).encode())
        except RemoteError as exc:
            self.tv.toast(f"{exc.message}\n→ {exc.hint}", "error")
        else:
            self.tv.toast(f"wrote {path}")

    def action_copy(self) -> None:
        if self.found is not None:
            copy(self.tv, page(self.found), "the page")

    def action_move(self, by: int) -> None:
        self.text.move(by)

    def action_find(self) -> None:
        self.box.display = True
        self.box.focus()

    def action_again(self, step: int) -> None:
        if not self.text.search(step):
            needle = self.text.needle
            self.tv.toast(f"{needle} is not in the page" if needle else "/ searches first", "warning")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.text.needle, self.text.at = event.value, -1
        self._close_find()
        self.action_again(1)

    def _close_find(self) -> None:
        self.box.display = False
        self.set_focus(self.text)

    async def action_leave(self) -> None:
        if self.box.display:
            self._close_find()
        else:
            await self.tv.action_back()


def page_line(text: str) -> Line:
    """Title and sections in bold, a run as it is, what is said of it dim."""
    role = "dim" if text.startswith("      ") else "" if text.startswith("  ") else "bold"
    return [(text, role)]
