"""Everything at a glance: facts, figures and curves, what was asked, the log's end; what the checklist proves.

And whether commits wait on the host: looked for as the tab comes up, and whenever a verb or a run ended.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import ComposeResult

from remote.checklist_items import FILE, Checklist
from remote.errors import RemoteError
from remote.snapshot import Link, RunSnapshot
from tui.checklist import checklist_lines, held_against
from tui.format import Line, age, spread
from tui.keys import panel_hints, shown
from tui.tabs.tab import Tab
from tui.widgets.detail import detail_lines
from tui.widgets.lines import Lines


class OverviewTab(Tab):
    """The detail panel on the whole screen, above what waits on the host and the checklist of a worker that has one."""

    NAME = "overview"

    def __init__(self) -> None:
        super().__init__()
        self.detail = Lines(self._draw, lambda: self.tv.palette, id="detail")
        self.waiting = Lines(self._draw_waiting, lambda: self.tv.palette, id="waiting")
        self.list = Lines(self._draw_list, lambda: self.tv.palette, id="checklist")
        self._found = Checklist()
        self._of = ""
        self._seen: tuple[object, ...] = ()
        self._waits, self._looked_s = "", 0.0
        self._asked: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.detail
        yield self.waiting
        yield self.list

    def on_mount(self) -> None:
        self.list.display = self.waiting.display = False
        self.waiting.styles.height = 1

    def _draw(self, width: int, height: int) -> list[Line]:
        store = self.tv.store
        row = store.current()
        if row is None:
            return []
        hints = panel_hints(row, width - 8, read_only=self.tv.read_only)
        return detail_lines(row, store.now(), store.colour(row.worker), width, height, keys=hints, focus=True)

    def _draw_list(self, width: int, height: int) -> list[Line]:
        row = self.tv.store.current()
        if row is None or row.worker != self._of:
            return []
        commit = held_against(self._found, row.spec)
        return checklist_lines(self._found, self.tv.store.wall(), width, commit)[:height]

    def _draw_waiting(self, width: int, height: int) -> list[Line]:
        when = f" looked {age(max(0.0, self.tv.store.wall() - self._looked_s))} ago "
        hint: Line = [(shown("fetch"), "bold info"), (" fetches,", "dim"), (when, "dim")]
        return [spread([(" waiting", "bold"), ("    " + self._waits, "warn")], hint, width)]

    def redraw(self, row: RunSnapshot) -> None:
        if self.tv.verbs is not None and (seen := self._stamp(row.worker)) != self._seen:
            self._seen = seen
            self.run_worker(self._read(row.worker), group="checklist", exclusive=True, exit_on_error=False)
        asked = (row.worker, row.state.active, row.link.link is Link.LIVE and not row.step)
        if self.tv.verbs is not None and asked != self._asked:
            if asked[0] != (self._asked or asked)[0]:
                self.waiting.display = False
            self._asked = asked
            if asked[-1]:
                self.run_worker(self._look(row.worker), group="waiting", exclusive=True, exit_on_error=False)
        self.detail.redraw()
        self.waiting.redraw()
        self.list.redraw()

    async def _look(self, worker: str) -> None:
        from tui.fetched import waiting_words  # brings git's side along, which no first paint waits for

        verbs, fleet = self.tv.verbs, self.tv.fleet
        if verbs is None:
            return
        try:
            self._waits = waiting_words(await verbs.look(fleet, worker))
        except RemoteError:
            return  # what was seen before keeps its age
        self._looked_s = self.tv.store.wall()
        self.waiting.display = bool(self._waits)
        self.waiting.redraw()

    def _stamp(self, worker: str) -> tuple[object, ...]:
        """What changes when the host's answer comes here, or when the profile is read anew."""
        try:
            folder = self.tv.verbs.folder_here(self.tv.fleet, worker) if self.tv.verbs is not None else Path()
            return worker, id(self.tv.fleet), (folder / FILE).stat().st_mtime_ns
        except (RemoteError, OSError):
            return worker, id(self.tv.fleet)

    async def _read(self, worker: str) -> None:
        verbs, fleet = self.tv.verbs, self.tv.fleet
        if verbs is None:
            return
        try:
            self._found = await asyncio.to_thread(verbs.checklist_here, fleet, worker)
        except RemoteError:
            self._found = Checklist()
        self._of = worker
        count = len(self._found.items)
        self.list.display = count > 0
        self.list.styles.height = min(count + 1, max(2, self.size.height // 3))
        self.list.redraw()
