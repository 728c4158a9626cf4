"""Which metrics share a chart."""

from __future__ import annotations

from collections.abc import Sequence

from tui.widgets.chart import Curve
from tui.widgets.metrics import ORDER, Metric


def curve_groups(metrics: Sequence[Metric], colour: str) -> list[tuple[str, list[Curve]]]:
    """Curves that share an axis: losses, accuracies, else the first metric; parts of a loss only without a whole one.

    Validation is solid, training dashed."""
    groups: list[tuple[str, list[Curve]]] = []
    for title, word in (("loss", "loss"), ("accuracy", "acc")):
        named = [metric for metric in metrics if word in metric.name]
        whole = [metric for metric in named if metric.name in ORDER] or named
        found = sorted(whole, key=lambda m: "val" not in m.name)
        curves = [
            Curve(metric.label, colour if index == 0 else "dim", metric.epochs, metric.values)
            for index, metric in enumerate(found[:3])
            if metric.values
        ]
        if curves:
            groups.append((title, curves))
    if not groups and metrics and metrics[0].values:
        first = metrics[0]
        groups.append((first.label, [Curve(first.label, colour, first.epochs, first.values)]))
    return groups
