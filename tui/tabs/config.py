"""The run's spec in full and the config that was in effect; `w` shows what differs from another run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult

from remote.snapshot import RunSnapshot
from tui.copying import copy
from tui.format import Line, joined, spread
from tui.keys import DOWN, FIRST, LAST, PAGE_DOWN, PAGE_UP, UP, Key, table
from tui.run_config import Effective, Known, earlier_runs, read_effective, read_known
from tui.tabs.tab import Tab, tab_bindings
from tui.widgets.config import against_lines, config_lines
from tui.widgets.lines import Lines
from tui.words import age_words

CONFIG_KEYS = table(
    "config",
    Key("against(1)", "w", "w", "against", "only what differs from the next other run", "Config", 1),
    Key("against(-1)", "W", "W", "against the previous", "only what differs from the previous other run", "Config"),
    Key("copy", "y", "y", "copy", "copy all that the tab shows", "Config", 2),
    Key("move(-1)", *UP, "a line up", "Config"),
    Key("move(1)", *DOWN, "a line down", "Config"),
    Key("move(-15)", *PAGE_UP, "a page up", "Config"),
    Key("move(15)", *PAGE_DOWN, "a page down", "Config"),
    Key("move(-999999)", *FIRST, "first line", "Config"),
    Key("move(999999)", *LAST, "last line", "Config"),
    Key("leave", "escape", "esc", "back", "the run alone again, or back to the workers", "Config", 3),
)
Other = RunSnapshot | Path
"""Another run: what the store has of a worker, or a folder of results."""


class ConfigTab(Tab):
    """Reads the synced results in a thread when the run or its sync changed."""

    NAME = "config"
    KEYS = CONFIG_KEYS
    BINDINGS = tab_bindings(CONFIG_KEYS)
    DEFAULT_CSS = "ConfigTab > #page { height: 1fr; width: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.page = Lines(self._draw, lambda: self.tv.palette, id="page")
        self._top = self._height = 0
        self._seen: tuple[object, ...] = ()
        self._forget(("", ""))

    def _forget(self, run: tuple[str, str]) -> None:
        """Another run (worker, run): nothing was read of it yet."""
        self._run = run
        self._effective = Effective(why="reading …")
        self._earlier: list[Path] = []
        self._against: Other | None = None
        self._other: Known | str = ""
        self._top = 0

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.page

    def redraw(self, row: RunSnapshot) -> None:
        seen = (row.worker, row.run, row.sync.at, row.sync.folder, row.state)
        if seen != self._seen:
            self._seen = seen
            if (row.worker, row.run) != self._run:
                self._forget((row.worker, row.run))
            self.run_worker(self._read(row), group="config", exclusive=True, exit_on_error=False)
        self._refresh()

    async def _read(self, row: RunSnapshot) -> None:
        effective = await asyncio.to_thread(read_effective, row)
        earlier = await asyncio.to_thread(earlier_runs, row)
        if (row.worker, row.run) == self._run:
            self._effective, self._earlier = effective, earlier
            self._refresh()

    def _refresh(self) -> None:
        self.head.redraw()
        self.page.redraw()

    # ---------------------------------------------------------------- drawing

    def _lines(self, width: int) -> list[Line]:
        row = self.tv.store.current()
        if row is None:
            return []
        if self._against is None:
            return config_lines(row, self._effective, self.tv.store.wall(), width)
        name = _name(self._against)
        if isinstance(self._other, str):
            return [[], [(f" {name}: ", "bold"), (self._other or "reading …", "warn" if self._other else "dim")]]
        return against_lines(Known(row, self._effective), self._other, name, self.tv.store.wall(), width)

    def _draw(self, width: int, height: int) -> list[Line]:
        lines = self._lines(width)
        self._height = height
        self._top = max(0, min(self._top, len(lines) - height))
        return lines[self._top : self._top + height]

    def _head(self, width: int, height: int) -> list[Line]:
        row = self.tv.store.current()
        if row is None:
            return [[]]
        others = self._others(row)
        what: Line = [("w", "bold info"), (f" compares with {len(others)} other runs", "dim")] if others else []
        if self._against is not None:
            count = f"  {self._place(others)} of {len(others)}"
            what = [("against ", "dim"), (_name(self._against), "bold"), (count, "dim")]
        more = len(self._lines(width)) - self._top - self.page.size.height
        below: Line = [(f"{more} more below", "dim")] if more > 0 else []
        return [spread([(" ", ""), *what], [*joined([below, [age_words(row, self.tv.store.now())]]), (" ", "")], width)]

    def _others(self, row: RunSnapshot) -> list[Other]:
        """Newest runs of the other workers, then the worker's own earlier ones on this laptop."""
        workers = [one for one in self.tv.store.all() if one.run and one.spec is not None and one.worker != row.worker]
        return [*workers, *self._earlier]

    def _place(self, others: Sequence[Other]) -> int:
        """Which of the others it is compared with, from 1; 0 = none of them."""
        names = [_name(other) for other in others]
        return names.index(_name(self._against)) + 1 if self._against and _name(self._against) in names else 0

    # ---------------------------------------------------------------- keys

    def action_against(self, step: int) -> None:
        """The next other run; after the last one, the run alone again."""
        row = self.tv.store.current()
        if row is None:
            return
        others = self._others(row)
        if not others:
            self.tv.toast("no other run to compare with: none was launched, none is in the results folder", "warning")
            return
        at = (self._place(others) + step) % (len(others) + 1)
        self._against, self._other, self._top = (others[at - 1] if at else None), "", 0
        if self._against is not None:
            self.run_worker(self._read_other(self._against), group="other", exclusive=True, exit_on_error=False)
        self._refresh()

    async def _read_other(self, other: Other) -> None:
        if isinstance(other, Path):
            found = await asyncio.to_thread(read_known, other)
        else:
            found = Known(other, await asyncio.to_thread(read_effective, other))
        if other is self._against:
            self._other = found
            self._refresh()

    def action_move(self, by: int) -> None:
        self._top = max(0, self._top + by)
        self._refresh()

    def action_copy(self) -> None:
        lines = self._lines(max(80, self.page.size.width))
        copy(self.tv, ["".join(text for text, _ in line).rstrip() for line in lines], f"{len(lines)} lines")

    async def action_leave(self) -> None:
        """Back to the run alone, or to the workers."""
        if self._against is None:
            await self.tv.action_back()
        else:
            self._against, self._top = None, 0
            self._refresh()


def _name(other: Other) -> str:
    """`worker/run`."""
    return f"{other.parent.name}/{other.name}" if isinstance(other, Path) else f"{other.worker}/{other.run}"
