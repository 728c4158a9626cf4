"""Every metric of the worker as a curve: small multiples, one of them on the whole tab, a cursor that reads values."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult
from textual.suggester import SuggestFromList
from textual.widgets import Input

from remote.snapshot import RunSnapshot
from tui.format import Line, joined, line_width, spread, while_it_fits
from tui.keys import DOWN, UP, Key, table
from tui.tabs.tab import Tab, tab_bindings
from tui.widgets.chart import Curve, View, chart
from tui.widgets.curves import AXES, curves_by_metric, marks_of, place
from tui.widgets.lines import Lines
from tui.widgets.metrics import metrics_of
from tui.widgets.multiples import Grid, grid, grid_lines
from tui.widgets.readout import nearest, nothing_lines, read_words, x_words
from tui.widgets.zoom import panned, read_next, seen, zoomed
from tui.words import age_words
from wire.records import MetricPoint

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)

CHART_KEYS = table(
    "charts",
    Key("full", "enter", "enter", "full size", "the chosen chart on the whole tab, or all of them again", "Charts", 1),
    Key("choose", "m", "m", "metric", "choose a metric by its name", "Charts", 2),
    Key("smooth", "s", "s", "smooth", "smoothing: none, 0.6, 0.9, 0.97", "Charts", 3),
    Key("log", "L", "L", "log y", "logarithmic y axis", "Charts", 4),
    Key("axis", "b", "b", "x axis", "x axis: epoch, step, time", "Charts", 5),
    Key("read(1)", "greater_than_sign,full_stop", ">", "cursor", "read the values further right", "Charts", 7),
    Key("read(-1)", "less_than_sign,comma", "<", "cursor left", "read the values further left", "Charts"),
    Key("zoom(0.5)", "plus,equals_sign", "+", "zoom", "zoom in, around the cursor or the newest point", "Charts", 6),
    Key("zoom(2.0)", "minus", "-", "zoom out", "zoom out", "Charts"),
    Key("pan(-1)", "left_square_bracket", "[", "pan left", "move the window left", "Charts"),
    Key("pan(1)", "right_square_bracket", "]", "pan right", "move the window right", "Charts"),
    Key("reset", "0", "0", "all", "show all of it, without a cursor", "Charts", 8),
    Key("go(-1, 0)", "left", "←", "left", "chart to the left; at full size the cursor", "Charts"),
    Key("go(1, 0)", "right", "→", "right", "chart to the right; at full size the cursor", "Charts"),
    Key("go(0, -1)", *UP, "chart above; at full size the previous one", "Charts"),
    Key("go(0, 1)", *DOWN, "chart below; at full size the next one", "Charts"),
    Key("leave", "escape", "esc", "back", "all charts again, or back to the workers", "Charts", 9),
)  # fmt: skip


class ChartsTab(Tab):
    """Draws the history that the store holds; the view stays the same from worker to worker."""

    NAME = "charts"
    KEYS = CHART_KEYS
    BINDINGS = tab_bindings(CHART_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.plots = Lines(self._draw, lambda: self.tv.palette, id="charts")
        self.box = Input(placeholder="metric; enter shows it, esc closes", id="find")
        self.view = View()
        self.chosen = ""
        self.whole = False
        self._first = 0
        self._charts: dict[str, list[Curve]] = {}
        self._made_of: tuple[tuple[MetricPoint, ...], str, str] | None = None

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.plots
        yield self.box

    def on_mount(self) -> None:
        self.box.display = False

    def redraw(self, row: RunSnapshot) -> None:
        self.head.redraw()
        self.plots.redraw()

    def _changed(self) -> None:
        row = self.tv.store.current()
        if row is not None:
            self.redraw(row)

    # ---------------------------------------------------------------- drawing

    def _row(self) -> RunSnapshot | None:
        """The worker, after its curves were made, unless they are still the same."""
        row = self.tv.store.current()
        if row is None:
            return None
        colour = self.tv.store.colour(row.worker)
        made = self._made_of
        if made is None or made[0] is not row.metrics or made[1:] != (self.view.x, colour):
            self._charts = curves_by_metric(metrics_of(row), colour, self.view.x)
            self._made_of = (row.metrics, self.view.x, colour)
        self.view = replace(self.view, marks=marks_of(row, self.view.x))
        return row

    def _at(self) -> int:
        """Place of the chosen chart; the first if the worker has none of that name."""
        titles = list(self._charts)
        return titles.index(self.chosen) if self.chosen in titles else 0

    def _data(self) -> tuple[float, float] | None:
        """Lowest and highest x of all curves."""
        xs = [x for curves in self._charts.values() for curve in curves for x in (curve.xs[0], curve.xs[-1])]
        return (min(xs), max(xs)) if xs and min(xs) < max(xs) else None

    def _shape(self) -> Grid:
        return grid(len(self._charts), self.plots.size.width - 2, self.plots.size.height)

    def _draw(self, width: int, height: int) -> list[Line]:
        row = self._row()
        if row is None:
            return []
        if not self._charts:
            return nothing_lines(row)
        width -= 2
        at = self._at()
        if self.whole:
            title = list(self._charts)[at]
            lines = chart(self._charts[title], width, max(4, height), title=title, view=self.view)
        else:
            shape = self._shape()
            self._first = shape.first(at, self._first)
            lines = grid_lines(self._charts, self.view, shape, at=at, first=self._first)
        return [[(" ", ""), *line] for line in lines]

    def _head(self, width: int, height: int) -> list[Line]:
        row = self._row()
        if row is None or not self._charts:
            return [[]]
        count = f"chart {self._at() + 1} of {len(self._charts)}"
        shape = self._shape()
        hidden = 0 if self.whole else len(self._charts) - shape.rows * shape.columns
        unseen = f"{hidden} out of view" if hidden > 0 else ""
        end = joined(
            [
                [(unseen, "dim")],
                [(count, "dim")],
                [(f"{len(row.metrics)} points", "dim")],
                [age_words(row, self.tv.store.now())],
            ]
        )
        told = read_words(row.metrics, self.view) if self.view.cursor is not None else self._view_words()
        room = width - line_width(end) - 4
        return [spread([(" ", ""), *while_it_fits(told, room, " · ")], [*end, (" ", "")], width)]

    def _view_words(self) -> list[Line]:
        view = self.view
        words: list[Line] = [[("x ", "dim"), (view.x, "bold")]]
        if view.smoothing:
            words.append([("smoothed ", "dim"), (f"{view.smoothing:g}", "bold"), (", raw behind", "dim")])
        words += [[("log y", "bold")]] if view.log else []
        data = self._data()
        if view.window is not None and data is not None:
            low, high = seen(view, data)
            words.append([("zoom ", "dim"), (f"{x_words(low, view.x)} to {x_words(high, view.x)}", "bold")])
        return words

    # ---------------------------------------------------------------- keys

    def action_full(self) -> None:
        titles = list(self._charts)
        if titles:
            self.chosen, self.whole = titles[self._at()], not self.whole
            self._changed()

    def action_go(self, across: int, down: int) -> None:
        if self.whole and across:
            self.action_read(across)
            return
        titles = list(self._charts)
        at = self._at() + across + down * (1 if self.whole else self._shape().columns)
        if 0 <= at < len(titles):
            self.chosen = titles[at]
            self._changed()

    def action_smooth(self) -> None:
        at = SMOOTHINGS.index(self.view.smoothing)
        self._look(replace(self.view, smoothing=SMOOTHINGS[(at + 1) % len(SMOOTHINGS)]))

    def action_log(self) -> None:
        self._look(replace(self.view, log=not self.view.log))

    def action_axis(self) -> None:
        """The next x axis; the cursor stays at its point, the window is all again."""
        row = self.tv.store.current()
        axis = AXES[(AXES.index(self.view.x) + 1) % len(AXES)]
        cursor = self.view.cursor
        if row is not None and row.metrics and cursor is not None:
            cursor = place(nearest(row.metrics, self.view), axis, row.metrics[0].at_s)
        self._look(replace(self.view, x=axis, window=None, cursor=cursor))

    def action_zoom(self, factor: float) -> None:
        if (data := self._data()) is not None:
            self._look(zoomed(self.view, data, factor))

    def action_pan(self, steps: int) -> None:
        if (data := self._data()) is not None:
            self._look(panned(self.view, data, steps))

    def action_reset(self) -> None:
        self._look(replace(self.view, window=None, cursor=None))

    def action_read(self, steps: int) -> None:
        data, shown = self._data(), list(self._charts.values())
        if data is not None:
            xs = sorted({x for curve in shown[self._at()] for x in curve.xs})
            width = self.plots.size.width if self.whole else self._shape().width
            self._look(read_next(self.view, xs, data, 2 * width, steps))

    def _look(self, view: View) -> None:
        self.view = view
        self._changed()

    def action_choose(self) -> None:
        self.box.suggester = SuggestFromList(list(self._charts), case_sensitive=False)
        self.box.value = ""
        self.box.display = True
        self.box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        wanted = event.value.strip().lower()
        found = next((title for title in self._charts if wanted and wanted in title.lower()), "")
        self._close_box()
        if found:
            self.chosen, self.whole = found, True
            self._changed()
        elif wanted:
            self.tv.toast(f"no metric is called {event.value}; there are: {', '.join(self._charts)}", "warning")

    def _close_box(self) -> None:
        self.box.display = False
        self.focus()

    async def action_leave(self) -> None:
        """Close the box, the full size, or the screen."""
        if self.box.display:
            self._close_box()
        elif self.whole:
            self.action_full()
        else:
            await self.tv.action_back()
