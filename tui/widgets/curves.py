"""Which metrics share a chart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from remote.snapshot import RunSnapshot
from tui.widgets.chart import Curve
from tui.widgets.metrics import ORDER, Metric
from tui.widgets.plot import Mark
from wire.records import MetricPoint
from wire.run_dir import attempt_number

AXES = ("epoch", "step", "time")
SETS = ("val", "train", "test")
ROLES = ("", "dim", "accent", "info")
"""Roles of the curves of one chart; the first has the worker's own colour."""


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


def curves_by_metric(metrics: Sequence[Metric], colour: str, axis: str) -> dict[str, list[Curve]]:
    """One chart a metric: its curves of validation, training and test together, over an axis of `AXES`."""
    together: dict[str, list[Metric]] = {}
    for metric in metrics:
        if metric.points:
            together.setdefault(_split(metric.name)[1], []).append(metric)
    charts = {}
    for key, group in together.items():
        group.sort(key=lambda one: SETS.index(_split(one.name)[0] or "val"))
        began_s = min(metric.points[0].at_s for metric in metrics if metric.points)
        title = key.replace("_", " ")
        charts[title] = [
            Curve(
                _split(metric.name)[0] or title,
                ROLES[index % len(ROLES)] or colour,
                tuple(place(point, axis, began_s) for point in metric.points),
                metric.values,
            )
            for index, metric in enumerate(group)
        ]
    return charts


def place(point: MetricPoint, axis: str, began_s: float) -> float:
    """Where a point stands on an axis: its step, its epoch, or the seconds since `began_s`."""
    if axis == "time":
        return point.at_s - began_s
    return float(point.step if axis == "step" else point.epoch)


def _split(name: str) -> tuple[str, str]:
    """(`val`, `loss`) of `val_loss`; ('', `loss`) of `loss`."""
    head, _, tail = name.partition("_")
    return (head, tail) if head in SETS and tail else ("", name)


def marks_of(row: RunSnapshot, axis: str) -> tuple[Mark, ...]:
    """Where an attempt begins, and where the gate stood, as far as points and result tell."""
    if not row.metrics:
        return ()
    began_s, marks = row.metrics[0].at_s, []
    for before, point in pairwise(row.metrics):
        if point.attempt != before.attempt and (number := attempt_number(point.attempt)):
            marks.append(Mark(place(point, axis, began_s), f"attempt {number}"))
    epoch = row.result.gate.get("epoch") if row.result is not None else None
    if isinstance(epoch, (int, float)):
        at = next((point for point in row.metrics if point.epoch >= epoch), None)
        marks += [Mark(place(at, axis, began_s), "gate")] if at is not None else []
    return tuple(marks)
