"""The history of one metric in several runs."""

from __future__ import annotations

from collections.abc import Sequence

from remote.snapshot import RunSnapshot
from tui.compare.table import Shown
from tui.widgets.braille import drawable
from tui.widgets.chart import Curve
from tui.widgets.curves import place
from tui.widgets.metrics import LAST, NAMES
from tui.widgets.series import thinned

FIRST = ("val_loss", "val_accuracy", "pred_mse", "skill", "train_loss", "learning_rate")
"""The metrics that are offered before all others, in this order."""
POINTS_TOGETHER, POINTS_LEAST = 16_000, 200
"""So many points all curves may have together: fifty long histories are drawn in the time of eight."""


def metric_names(rows: Sequence[RunSnapshot]) -> list[str]:
    """Every metric that any of the runs has a history of, the telling ones first."""
    names = {name for row in rows for point in row.metrics for name in point.values}

    def order(name: str) -> tuple[int, str]:
        return (FIRST.index(name) if name in FIRST else len(FIRST) + (name in LAST), name)

    return sorted(names, key=order)


def label(metric: str) -> str:
    """What people call it."""
    return NAMES.get(metric, metric.replace("_", " "))


def curves_of(runs: Sequence[Shown], metric: str, axis: str, selected: str = "") -> list[Curve]:
    """One curve a run that has the metric, over an axis of `tui.widgets.curves.AXES`; the selected run's comes first,
    which is drawn last. Time begins at each run's first point.
    """
    curves = []
    at_most = max(POINTS_LEAST, POINTS_TOGETHER // max(1, len(runs)))
    for shown in sorted(runs, key=lambda one: one.one.name != selected):
        row = shown.one.row
        points = [point for point in row.metrics if metric in point.values and drawable(point.epoch)]
        if points:
            began_s = row.metrics[0].at_s
            xs = [place(point, axis, began_s) for point in points]
            ys = [point.values[metric] for point in points]
            curves.append(Curve(shown.one.name, shown.role, *thinned(xs, ys, at_most), shown.style))
    return curves
