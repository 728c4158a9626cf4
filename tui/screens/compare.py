"""Runs side by side: their curves overlaid, what each amounts to, and what tells them apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp

from remote.compare import Candidate, Comparison, compare
from remote.errors import RemoteError
from remote.run_folders import beside
from remote.snapshot import RunSnapshot
from tui.compare.curves import curves_of, label, metric_names
from tui.compare.page import page_lines
from tui.compare.table import Shown
from tui.compare.writing import write
from tui.format import Line, pad_line
from tui.keys import FIRST, LAST, PAGE_DOWN, PAGE_UP, UP, Key, footer_line, shown, table
from tui.screens.choose import Choose
from tui.screens.main import MainScreen, screen_bindings
from tui.tabs.charts import SMOOTHINGS
from tui.widgets.chart import View, chart
from tui.widgets.curves import AXES
from tui.widgets.lines import Lines

COMPARE_KEYS = table(
    "compare",
    Key("metric(1)", "m", "m", "metric", "curves of the next metric", "Compare", 1),
    Key("metric(-1)", "M", "M", "previous metric", "curves of the previous metric", "Compare"),
    Key("axis", "b", "b", "x axis", "curves by epoch, by step, by time since the run began", "Compare", 2),
    Key("log", "L", "L", "log y", "logarithmic y axis", "Compare", 4),
    Key("smooth", "s", "s", "smooth", "smoothing: none, 0.6, 0.9, 0.97", "Compare", 5),
    Key("write", "w", "w", "write", "write a file into the results folder: Markdown, JSON, PNG", "Compare", 3),
    Key("select(-1)", *UP, "previous run", "Compare"),
    Key("select(1)", "down,j,tab", "↓ j", "down", "next run: its curve is drawn over the others", "Compare"),
    Key("select(-9999)", *FIRST, "first run", "Compare"),
    Key("select(9999)", *LAST, "last run", "Compare"),
    Key("scroll(-10)", *PAGE_UP, "scroll table, notes and differences up", "Compare"),
    Key("scroll(10)", *PAGE_DOWN, "scroll table, notes and differences down", "Compare", 6),
    Key("open", "enter,d", "enter", "open", "the selected run on the whole screen", "Compare", 7),
    Key("app.back", "escape,c", "esc", "back", "back to the workers", "Compare", 8),
)  # fmt: skip
CHART_LEAST, CHART_MOST = 6, 18
FORMATS = {"md": "Markdown", "json": "JSON", "png": "PNG: curves and figures"}


class CompareScreen(MainScreen, inherit_bindings=False):
    """The marked workers; with none marked, all that have a run. Rows are the newest snapshots, so they go on."""

    BINDINGS: ClassVar = screen_bindings(COMPARE_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.view = View()
        self.metric = ""
        self.top = 0
        self.comparison = Comparison()
        self.plot = Lines(self._chart, lambda: self.tv.palette, id="plot")
        self.page = Lines(self._page, lambda: self.tv.palette, id="page")
        self._stale: set[str] = set()
        self._beside: dict[str, Candidate] = {}
        self._read_at: dict[str, float | None] = {}
        """Run -> when it had been synced as its folder was read."""

    @property
    def table(self) -> str:
        return "compare"

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.plot
        yield self.page
        yield self.footer

    def on_mount(self) -> None:
        self.redraw(set(), tick=True)

    # ------------------------------------------------------------------ what is compared

    def rows(self) -> list[RunSnapshot]:
        """The marked workers in the order of marking, else all; those without a run have nothing to compare."""
        store = self.tv.store
        marked = [row for worker in store.marked if (row := store.get(worker)) is not None]
        return [row for row in marked or store.all() if row.run]

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        """News is judged once a second: to go through every history costs more than to draw a row."""
        super().redraw(dirty, tick=tick)
        self._stale |= dirty
        if not tick:
            return
        rows = self.rows()
        names = {row.worker for row in rows}
        if self._stale & names or names != {one.row.worker for one in self.comparison.rows}:
            self._judge(rows)
            self.plot.redraw()
        self._stale = set()
        self.page.redraw()

    def _judge(self, rows: Sequence[RunSnapshot]) -> None:
        """Compare anew; what only the synced folders hold is read in a thread and comes with a later call."""
        self.comparison = compare([replace(self._beside.get(row.run, Candidate(row)), row=row) for row in rows])
        unread = [row for row in rows if row.sync.folder and self._read_at.get(row.run, -1.0) != row.sync.at]
        if unread:
            self._read_at.update({row.run: row.sync.at for row in unread})
            self.run_worker(self._read(unread), group="folders", exit_on_error=False)

    async def _read(self, rows: Sequence[RunSnapshot]) -> None:
        for row in rows:
            controls, data, digest = await asyncio.to_thread(beside, Path(row.sync.folder))
            self._beside[row.run] = Candidate(row, controls, data, digest)
        self._judge(self.rows())
        self.page.redraw()

    def runs(self) -> list[Shown]:
        """The compared runs as they are drawn."""
        store = self.tv.store
        return [Shown(one, store.colour(one.row.worker), store.line_style(one.row.worker))
                for one in self.comparison.rows]  # fmt: skip

    @property
    def selected(self) -> str:
        """The selected run, if it is compared, else the first."""
        names = [one.row.worker for one in self.comparison.rows]
        return self.tv.store.selected if self.tv.store.selected in names else names[0] if names else ""

    # ------------------------------------------------------------------ what is shown

    def _chart(self, width: int, height: int) -> list[Line]:
        if not self.comparison.rows:
            return self._nothing()
        names = metric_names([one.row for one in self.comparison.rows])
        if not names:
            return [[], [("  No run has reported a metric yet: the curves come with the first epoch.", "dim")]]
        if self.metric not in names:
            self.metric = names[0]
        curves = curves_of(self.runs(), self.metric, self.view.x, self.selected)
        how = [*(["log"] if self.view.log else []), *([f"smooth {s:g}"] if (s := self.view.smoothing) else [])]
        title = f" {label(self.metric)}" + (f" ({', '.join(how)})" if how else "")
        if width < 20 or height < 4:
            return [[(title, "bold")]]
        lines = chart(curves, width - 1, height, title=title, view=self.view)
        return [pad_line(line, width) for line in lines]

    def _nothing(self) -> list[Line]:
        store = self.tv.store
        why = "None of the marked workers has run yet." if store.marked else "No worker has run yet."
        return [
            [],
            [(f"  {why}", "")],
            [
                ("  esc", "bold info"),
                (" goes back; there ", "dim"),
                (shown("launch"), "bold info"),
                (" launches.", "dim"),
            ],
        ]

    def _page(self, width: int, height: int) -> list[Line]:
        if not self.comparison.rows:
            return []
        lines = page_lines(self.comparison, self.runs(), self.tv.store.now(), width - 1, self.selected)
        self.top = max(0, min(self.top, len(lines) - height))
        shown = lines[self.top : self.top + height]
        left = len(lines) - self.top - height
        if left > 0:
            shown[-1] = [("  ", ""), (f"… {left + 1} more lines: pgdn", "dim")]
        return shown

    def _footer_lines(self, width: int, height: int) -> list[Line]:
        return [footer_line(sorted((key for key in COMPARE_KEYS if key.rank), key=lambda key: key.rank), width)]

    def on_resize(self) -> None:
        self.plot.styles.height = max(CHART_LEAST, min(CHART_MOST, self.size.height * 2 // 5))

    # ------------------------------------------------------------------ keys

    def action_metric(self, by: int) -> None:
        names = metric_names([one.row for one in self.comparison.rows])
        if names:
            self.metric = names[(names.index(self.metric) + by) % len(names)] if self.metric in names else names[0]
            self.plot.redraw()

    def action_axis(self) -> None:
        self.view = replace(self.view, x=AXES[(AXES.index(self.view.x) + 1) % len(AXES)])
        self.plot.redraw()

    def action_log(self) -> None:
        self.view = replace(self.view, log=not self.view.log)
        self.plot.redraw()

    def action_smooth(self) -> None:
        at = SMOOTHINGS.index(self.view.smoothing)
        self.view = replace(self.view, smoothing=SMOOTHINGS[(at + 1) % len(SMOOTHINGS)])
        self.plot.redraw()

    def action_open(self) -> None:
        """Open the selected run, also if the filter of home hides it."""
        if worker := self.selected:
            if worker not in [row.worker for row in self.tv.store.visible()]:
                self.tv.store.pattern = ""
            self.tv.pick(worker)
            self.tv.action_open()

    def action_select(self, by: int) -> None:
        names = [one.row.worker for one in self.comparison.rows]
        if names:
            at = max(0, min(len(names) - 1, names.index(self.selected) + by))
            self.tv.pick(names[at])
            # Line 0 is the head of the table, the last one in view says how many more there are.
            self.top = max(min(self.top, at), at + 3 - self.page.size.height)
            self.plot.redraw()
            self.page.redraw()

    def action_scroll(self, by: int) -> None:
        self.top += by
        self.page.redraw()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.action_scroll(3)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.action_scroll(-3)

    def action_write(self) -> None:
        if self.comparison.rows:
            self.run_worker(self._write(), group="write", exit_on_error=False)

    async def _write(self) -> None:
        """Ask for a format and write it; the work is done in a thread."""
        kind = await self.tv.push_screen_wait(Choose("Write the comparison as", FORMATS))
        if kind is None or self.tv.fleet is None:
            return
        store, comparison, runs = self.tv.store, self.comparison, self.runs()
        try:
            path = await asyncio.to_thread(
                write, kind, self.tv.fleet.results, comparison, runs, self.view.x, store.now(), store.wall()
            )
        except RemoteError as exc:
            self.tv.toast(f"{exc.message}\n→ {exc.hint}", "error", title="not written")
        else:
            self.tv.toast(str(path), title="written")
