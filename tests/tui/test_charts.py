"""Charts: what is drawn of odd data, where labels stand, how a view is moved; and the charts of one worker."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import NOW, WALL, blank, default_world, ended, offline, plain_command, released, result, running
from tui.app import TrajvidApp
from tui.format import Line, line_width
from tui.tabs.charts import ChartsTab
from tui.widgets.braille import STYLES, Window, raster
from tui.widgets.chart import Curve, View, chart, line_mark, readings
from tui.widgets.curves import curves_by_metric, marks_of
from tui.widgets.metrics import metrics_of
from tui.widgets.multiples import grid
from tui.widgets.plot import Mark
from tui.widgets.series import smoothed, thinned
from tui.widgets.ticks import axis_ticks
from tui.widgets.zoom import panned, read_next, seen, zoomed
from wire.records import MetricPoint
from wire.state import State

Same = Callable[[TrajvidApp], None]
NAN = float("nan")


def texts(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def dots(lines: list[Line]) -> int:
    """Number of dots in the plot."""
    return sum((ord(char) - 0x2800).bit_count() for char in texts(lines[1:]) if 0x2800 <= ord(char) < 0x2900)


def labels(lines: list[Line]) -> list[str]:
    """Labels of the y axis, from above."""
    return [line[0][0].strip() for line in lines[1:-1] if line[0][0].strip()]


def line(ys: list[float | None], name: str = "loss") -> Curve:
    return Curve(name, "w1", list(range(len(ys))), ys)


# ---------------------------------------------------------------- what is drawn


def test_a_line_is_joined_a_gap_is_not() -> None:
    window = Window(0, 9, 0, 1)
    whole, _ = raster([([0, 9], [0.0, 1.0])], 5, 2, window)
    assert all(whole[index] or whole[index + 5] for index in range(5))
    broken, _ = raster([([0, 1, 2, 7, 8, 9], [0.5, 0.5, None, None, 0.5, 0.5])], 5, 2, window)
    assert not broken[2] and not broken[7]


def test_the_second_curve_is_dashed_so_that_it_shows_without_colour() -> None:
    xs, flat = list(range(100)), [0.5] * 100
    one, _ = raster([(xs, flat)], 40, 2, Window(0, 99, 0, 1))
    two, _ = raster([([], []), (xs, flat)], 40, 2, Window(0, 99, 0, 1))
    assert sum(cell != 0 for cell in two) < sum(cell != 0 for cell in one)


@pytest.mark.parametrize("style", [name for name in STYLES if name != "solid"])
def test_a_steep_part_is_drawn_in_every_style(style: str) -> None:
    """A spike that fell between two dashes would be lost."""
    ys = [0.0] * 60
    for at in range(60):
        spiked = [*ys[:at], 1.0, *ys[at + 1 :]]
        found, _ = raster([(range(60), spiked)], 30, 4, Window(0, 59, 0, 1), [style])
        assert any(found[:30]), at


def test_line_styles_differ_in_the_legend_as_in_the_plot() -> None:
    assert len({line_mark(style) for style in STYLES}) == len(STYLES)


def test_a_point_between_two_gaps_is_seen() -> None:
    found, _ = raster([([0, 5, 9], [None, 0.5, None])], 5, 2, Window(0, 9, 0, 1))
    assert sum(cell.bit_count() for cell in found) == 4


def test_a_line_that_leaves_the_window_goes_to_its_edge() -> None:
    found, _ = raster([([0, 100], [0.0, 1.0])], 10, 4, Window(40, 60, 0, 1))
    assert all(any(found[row * 10 + column] for row in range(4)) for column in range(10))


@pytest.mark.parametrize("size", [(20, 4), (40, 8), (120, 20)])
@pytest.mark.parametrize("view", [View(), View(smoothing=0.9, log=True, cursor=1.0, marks=(Mark(1.0, "attempt 2"),))])
def test_a_chart_keeps_to_its_cells(size: tuple[int, int], view: View) -> None:
    curve = Curve("val loss", "w1", [0, 1, 2], [1.0, None, 0.5])
    lines = chart([curve, Curve("train loss", "dim", [0, 2], [2.0, 1.0])], *size, title="loss", view=view)
    assert len(lines) == size[1]
    assert all(line_width(line) <= size[0] for line in lines)


@pytest.mark.parametrize(
    ("ys", "view", "said"),
    [
        ([], View(), "waiting for two points"),
        ([1.0], View(), "waiting for two points"),
        ([NAN, None, math.inf], View(), "no finite value so far"),
        ([-1.0, -2.0], View(log=True), "no value above 0 for a log scale"),
        ([1.0, 2.0, 3.0], View(window=(1.2, 1.8)), "no value in this part"),
    ],
)
def test_what_cannot_be_drawn_is_said(ys: list[float | None], view: View, said: str) -> None:
    assert said in texts(chart([line(ys)], 40, 8, title="loss", view=view))


def test_negative_values_under_a_log_scale_are_counted_and_never_drawn() -> None:
    ys: list[float | None] = [1.0, -1.0, 0.0, 0.1, 0.01, 0.001]
    lines = chart([line(ys)], 60, 10, title="loss", view=View(log=True))
    assert "2 not above 0 left out" in texts(lines)
    assert labels(lines)[0] == "1" and labels(lines)[-1] == "0.001"


@pytest.mark.parametrize("value", [0.5, 0.0, -3.0, 1e-9, 1e12])
def test_a_flat_curve_is_a_line_in_the_middle_with_its_value(value: float) -> None:
    lines = chart([line([value] * 30)], 60, 9, title="loss")
    drawn = [index for index, row in enumerate(lines[1:-1]) if dots([[], row])]
    assert drawn == [3] and len(labels(lines)) >= 2


@pytest.mark.parametrize("ys", [[1e308, -1e308, 1.0, 2.0], [10**400, 1.0, 2.0], [5e-324, 1e-323], [1e16, 1e16 + 2]])
def test_numbers_beyond_reason_end_nothing(ys: list[float | None]) -> None:
    for view in (View(), View(log=True), View(smoothing=0.6)):
        assert chart([line(ys)], 60, 9, title="loss", view=view)


def test_ten_million_points_are_thinned_to_their_extremes() -> None:
    """About 1 s: as slices, with one spike, one gap, one NaN."""
    ys: list[float | None] = [0.5] * 10_000_000
    ys[7_654_321], ys[1_234_567] = 9.0, NAN
    ys[4_000_000:4_500_000] = [None] * 500_000
    xs, few = thinned(range(len(ys)), ys, 4096)
    assert len(few) <= 4096 + 2 and max(y for y in few if y is not None) == 9.0
    assert 7_654_321 in xs and None in few
    gone = [x for x, y in zip(xs, few, strict=True) if y is None]
    assert min(gone) >= 4_000_000 and max(gone) < 4_500_000
    assert dots(chart([Curve("loss", "w1", xs, few)], 80, 20, title="loss"))


def test_smoothing_is_the_bias_corrected_moving_average() -> None:
    assert smoothed([3.0, 3.0, 3.0], 0.9) == pytest.approx([3.0, 3.0, 3.0])
    ys: list[float | None] = [1.0, None, 2.0, NAN, 4.0]
    out = smoothed(ys, 0.5)
    assert out[1] is None and out[3] is None
    # By hand: weights 1/7, 2/7, 4/7 of 1, 2, 4.
    assert out[4] == pytest.approx((1 * 1 + 2 * 2 + 4 * 4) / 7)


def test_the_raw_curve_stays_behind_the_smooth_one() -> None:
    curve = line([0.0, 1.0] * 20)
    roles = {role for row in chart([curve], 60, 12, title="loss", view=View(smoothing=0.9))[1:-1] for _, role in row}
    assert {"faint", "w1"} <= roles


def test_a_smooth_curve_is_not_cut_where_the_window_begins() -> None:
    """It comes from far above the raw values of the part that is shown."""
    curve = line([100.0] * 50 + [0.0] * 50)
    lines = chart([curve], 60, 12, title="loss", view=View(smoothing=0.97, window=(50.0, math.inf)))
    assert labels(lines)[0] == "100"


def test_the_cursor_reads_the_nearest_point_that_has_a_value() -> None:
    curves = [line([4.0, None, 2.0, 1.0], "val"), Curve("train", "dim", [0, 3], [8.0, NAN])]
    view = View(cursor=1.4)
    assert [(one.curve.name, one.x, one.raw) for one in readings(curves, view)] == [("val", 2, 2.0), ("train", 0, 8.0)]
    text = texts(chart(curves, 60, 8, title="loss", view=view))
    assert "val 2.000" in text and "train 8.000" in text and text.count("│") >= 5 + 3


# ---------------------------------------------------------------- axes


RANGES = [(0, 1), (-3, 7), (0.001, 0.0011), (0, 1e6), (1000.0001, 1000.0002), (-1e-7, 3e-7), (0.35, 0.97), (1, 4.7)]


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("cells", [5, 7, 12, 20, 50])
def test_two_labels_or_more_and_never_one_over_another(low: float, high: float, cells: int) -> None:
    up = axis_ticks(low, high, cells)
    rows = [row for row, _ in up]
    assert len(up) >= 2 and len(set(rows)) == len(rows) and all(0 <= row < cells for row in rows)
    assert len({text for _, text in up}) == len(up)
    across = axis_ticks(low, high, 8 * cells, across=True)
    assert len(across) >= 2
    for (start, text), (after, _) in pairwise(across):
        assert start + len(text) < after
    assert across[-1][0] + len(across[-1][1]) <= 8 * cells


@pytest.mark.parametrize(("low", "high"), [(-6, 0), (-1.5, 0.2), (-0.1, 0.05), (0, 300), (-300, 299), (2, 2.3)])
@pytest.mark.parametrize("cells", [5, 7, 12, 20])
def test_a_log_axis_has_them_too(low: float, high: float, cells: int) -> None:
    found = axis_ticks(low, high, cells, log=True)
    rows = [row for row, _ in found]
    assert len(found) >= 2 and len(set(rows)) == len(rows)
    values = [float(text.replace("k", "e3").replace("M", "e6")) for _, text in found]
    assert values == sorted(values, reverse=True)
    assert all(low - 0.1 <= math.log10(value) <= high + 0.1 for value in values)


def test_ticks_stand_where_their_values_are() -> None:
    assert axis_ticks(0, 1, 11) == [(0, "1.0"), (2, "0.8"), (4, "0.6"), (6, "0.4"), (8, "0.2"), (10, "0")]
    assert axis_ticks(-2, 0, 9, log=True)[0] == (0, "1")


def test_a_time_axis_names_its_unit() -> None:
    for seconds, unit in ((90, "s"), (1000, "min"), (20_000, "h"), (900_000, "days")):
        curve = Curve("loss", "w1", [0.0, float(seconds)], [1.0, 2.0])
        assert texts(chart([curve], 60, 6, title="loss", view=View(x="time"))).split("\n")[-1].split()[0] == unit


# ---------------------------------------------------------------- the view


def test_zoom_pan_and_cursor_stay_within_the_data() -> None:
    data, xs = (0.0, 100.0), [float(x) for x in range(101)]
    near = zoomed(View(), data, 0.5)
    assert near.window == (50.0, math.inf), "at the newest point, and on with it"
    assert seen(near, (0.0, 140.0)) == (50.0, 140.0)
    left = panned(near, data, -1)
    assert left.window == (37.5, 87.5)
    assert panned(left, data, -99).window == (0.0, 50.0) and panned(left, data, 99) == near
    assert zoomed(left, data, 4.0).window is None
    read = replace(left, cursor=40.0)
    assert seen(zoomed(read, data, 0.5), data) == pytest.approx((38.75, 63.75)), "the cursor keeps its place"
    for _ in range(40):
        near = zoomed(near, data, 0.5)
    assert seen(near, data)[1] - seen(near, data)[0] > 0
    begun = read_next(View(), xs, data, 400, -1)
    assert begun.cursor == 100.0 and read_next(begun, xs, data, 400, -1).cursor == 99.0
    assert read_next(begun, xs, data, 20, -1).cursor == 95.0, "never less than a column of dots"
    assert read_next(begun, xs, data, 400, 1).cursor == 100.0
    assert read_next(left, xs, data, 400, 1).cursor == 87.0


@pytest.mark.parametrize(("width", "columns"), [(20, 1), (78, 1), (118, 2), (198, 3)])
def test_charts_stand_side_by_side_where_there_is_room(width: int, columns: int) -> None:
    shape = grid(7, width, 20)
    assert shape.columns == columns and shape.columns * shape.width <= width and shape.rows * shape.height <= 20
    assert shape.first(6, 0) * columns <= 6 < (shape.first(6, 0) + shape.rows) * columns


def test_training_and_validation_of_a_metric_share_a_chart() -> None:
    row = running("a")
    charts = curves_by_metric(metrics_of(row), "w1", "step")
    assert {title: [curve.name for curve in curves] for title, curves in charts.items()} == {
        "accuracy": ["val"], "loss": ["val", "train"], "pred mse": ["pred mse"],
    }  # fmt: skip
    assert charts["loss"][0].xs[:3] == (0.0, 30.0, 60.0)


def test_a_metric_that_comes_once_an_epoch_is_found_among_those_of_every_step() -> None:
    points = [MetricPoint(step, step / 10, WALL + step, {"train_loss": 1.0 / (step + 1)}) for step in range(30)]
    points[10] = replace(points[10], values={"val_loss": 0.5})
    row = running("a", metrics=tuple(points), progress=None)
    charts = curves_by_metric(metrics_of(row), "w1", "time")
    assert [(curve.name, curve.xs[:2]) for curve in charts["loss"]] == [("val", (10.0,)), ("train", (0.0, 1.0))]


def test_attempts_and_the_gate_are_marked() -> None:
    row = released("a")
    later = tuple(replace(point, attempt=f"{row.run}.2") for point in row.metrics[20:])
    row = replace(row, metrics=tuple(replace(point, attempt=f"{row.run}.1") for point in row.metrics[:20]) + later)
    assert marks_of(row, "epoch") == (Mark(5.25, "attempt 2"),)
    gated = result(row)
    assert gated.result is not None
    gated = replace(gated, result=replace(gated.result, gate={"epoch": 5}))
    assert marks_of(gated, "step") == (Mark(600.0, "attempt 2"), Mark(570.0, "gate"))


# ---------------------------------------------------------------- the tab


def many(worker: str) -> object:
    """A run with seven charts, a gap, and a second attempt."""
    row = running(worker, done=40)
    points = []
    for index, point in enumerate(row.metrics):
        more = {f"extra_{n}": None if 12 <= index < 20 else 1.0 / (index + n) for n in range(1, 5)}
        attempt = f"{row.run}.{1 if index < 25 else 2}"
        points.append(replace(point, values={**point.values, **more}, at_s=WALL + 60 * index, attempt=attempt))
    return replace(row, metrics=tuple(points))


@pytest.mark.parametrize(
    ("size", "theme", "keys"),
    [
        ((80, 24), "", ""),
        ((80, 24), "", "down,enter,s,less_than_sign,less_than_sign,less_than_sign"),
        ((120, 40), "", "L"),
        ((120, 40), "trajvid-light", ""),
        ((200, 60), "", "b,b"),
    ],
    ids=["80x24", "80x24-read", "120x40", "light", "200x60"],
)
async def test_charts(size: tuple[int, int], theme: str, keys: str, same_as_before: Same) -> None:
    async with desk([many("keypoint-a")], size, "enter", "2", *filter(None, keys.split(","))) as (app, pilot, _):
        if theme:
            app.use_theme(theme)
            await settle(app, pilot)
        same_as_before(app)


async def test_without_news_it_says_why() -> None:
    said = {
        "blank": (blank("blank"), "Never launched", "n launches it"),
        "silent": (plain_command("silent"), "has reported no metric so far", "l shows what it printed"),
        "failed": (ended("failed", State.FAILED, 3, "", metrics=(), progress=None), "The run reported no metric"),
        "far": (running("far", link=offline(), seen_at=NOW - 42), "offline", "last seen 42 s ago", "14 points"),
        "new": (running("new", done=1), "waiting for two points", "chart 1 of 3"),
    }
    async with desk([row for row, *_ in said.values()], (80, 24), "enter", "2") as (app, pilot, _):
        for row, *words in said.values():
            app.pick(row.worker)
            await settle(app, pilot)
            assert [word for word in words if word not in plain(app)] == [], row.worker


async def test_keys_move_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with desk([many("keypoint-a"), running("b")], (120, 30), "enter", "2") as (app, pilot, _):
        tab = app.screen.query_one(ChartsTab)

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            app.flush()
            return plain(app)

        assert "accuracy" in await press("left") and "chart 1 of 7" in plain(app)
        assert "chart 4 of 7" in await press("right", "down") and "extra 1" in plain(app)
        assert "chart 7 of 7" in await press("down", "right", "down")
        assert "chart 6 of 7" in await press("k", "right")
        assert "smoothed 0.6" in await press("s") and "log y" in await press("L")
        assert "zoom" in await press("plus") and tab.view.window is not None
        before = tab.view.window
        assert "x step" in await press("left_square_bracket", "b") and tab.view.window is None and before is not None
        assert "step 1,170" in await press("less_than_sign") and "+39 min" in plain(app)
        assert "attempt 2" in plain(app)
        assert "step 1,140" in await press("less_than_sign") and "+38 min" in await press("b")
        assert tab.view.cursor == 38 * 60 and "38 min" in await press("0", "less_than_sign", "less_than_sign")
        assert "extra 4" not in (await press("m", *"loss", "enter")) and tab.chosen == "loss" and tab.whole
        assert "37 min" in await press("left"), "at full size arrows move the cursor"
        assert "there are: accuracy, loss" in await press("m", *"zzz", "enter") and tab.chosen == "loss"
        assert "extra 1" in await press("escape") and not tab.whole
        assert "chart 2 of 3" in await press("J"), "the same chart of the next worker"
        await press("escape")
        assert app.screen.query("#detail") and not app.screen.query(ChartsTab)


async def test_a_tiny_terminal_breaks_no_chart() -> None:
    async with desk(default_world(), (20, 5), "enter", "2", "enter", "plus", "less_than_sign", "m") as (app, _, _):
        assert len(plain(app).split("\n")) == 5
