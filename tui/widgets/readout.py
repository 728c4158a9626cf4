"""What the charts say in words: where the cursor is, which part is shown, and why there is nothing to draw."""

from __future__ import annotations

from collections.abc import Sequence

from remote.snapshot import RunSnapshot
from tui.activity.lines import moment
from tui.format import Line, duration, number
from tui.widgets.chart import View
from tui.widgets.curves import place
from wire.records import MetricPoint
from wire.run_dir import attempt_number


def nearest(points: Sequence[MetricPoint], view: View) -> MetricPoint:
    """The point that stands next to the cursor."""
    began_s, cursor = points[0].at_s, view.cursor or 0.0
    return min(points, key=lambda point: abs(place(point, view.x, began_s) - cursor))


def read_words(points: Sequence[MetricPoint], view: View) -> list[Line]:
    """Where the cursor is: step, epoch, time of day, time since the first point, attempt."""
    point = nearest(points, view)
    attempt = attempt_number(point.attempt)
    since = point.at_s - points[0].at_s
    return [
        [("step ", "dim"), (f"{point.step:,}", "bold")],
        [("epoch ", "dim"), (number(float(point.epoch)), "bold")],
        [(moment(point.at_s, "%H:%M:%S"), "bold"), (f" (+{duration(since)})", "dim")],
        [(f"attempt {attempt}" if attempt is not None and attempt > 1 else "", "dim")],
    ]


def x_words(x: float, axis: str) -> str:
    return duration(x) if axis == "time" else f"{x:,.0f}" if axis == "step" else number(x)


def nothing_lines(row: RunSnapshot) -> list[Line]:
    """Why there is no curve, and what to do."""
    if not row.run:
        return [
            [],
            [(" Never launched, so there is nothing to draw.", "")],
            [(" n", "bold info"), (" launches it.", "dim")],
        ]
    why = "The work has reported no metric so far" if row.state.active else "The run reported no metric"
    how = " They come from metrics.jsonl; any command may write it (docs/training.md)."
    return [[], [(f" {why}.", "")], [(how, "dim")], [(" l", "bold info"), (" shows what it printed.", "dim")]]
