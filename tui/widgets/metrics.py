"""Metrics of a run: which come first, how they are called on the screen, and their history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from remote.snapshot import RunSnapshot
from tui.format import Line, number, spark
from wire.records import MetricPoint

ORDER = ("val_accuracy", "accuracy", "val_loss", "train_loss", "loss", "train_accuracy", "pred_mse", "val_mse", "mse")
LAST = ("learning_rate", "lr", "grad_norm", "seconds", "epoch_s", "samples_per_s")
NAMES = {
    "val_accuracy": "val acc", "train_accuracy": "train acc", "val_loss": "val loss", "train_loss": "train loss",
    "pred_mse": "mse", "val_mse": "val mse", "learning_rate": "lr", "accuracy": "acc",
}  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """One metric's newest value and history, oldest first."""

    name: str
    value: float | None
    epochs: tuple[float, ...]
    values: tuple[float | None, ...]
    points: tuple[MetricPoint, ...] = ()
    """Where the values come from, one a value."""

    @property
    def label(self) -> str:
        return NAMES.get(self.name, self.name.replace("_", " "))

    @property
    def best(self) -> float | None:
        """Highest accuracy, lowest of anything that is lost."""
        known = [value for value in self.values if value is not None]
        if not known or not (self.rises or "loss" in self.name or "mse" in self.name):
            return None
        return max(known) if self.rises else min(known)

    @property
    def rises(self) -> bool:
        """True if more is better."""
        return any(word in self.name for word in ("acc", "f1", "iou", "skill", "auc"))


def metrics_of(row: RunSnapshot) -> list[Metric]:
    """Every metric of the run, the telling ones first."""
    known = _histories(_Points(row.metrics))
    # What an ended run is worth is said by its result; figures of the test are no point of a validation curve.
    newest = dict(row.progress.metrics) if row.progress is not None and row.result is None else {}
    metrics = {**{name: Metric(name, value, (), ()) for name, value in newest.items()}, **known}
    told = [replace(metrics[name], value=newest[name]) if name in newest else metrics[name] for name in metrics]
    return sorted(told, key=lambda metric: _rank(metric.name))


class _Points:
    """A history that is the same only as itself: what is made of it is kept, and it may be long."""

    def __init__(self, points: tuple[MetricPoint, ...]) -> None:
        self.points = points

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Points) and other.points is self.points

    def __hash__(self) -> int:
        return id(self.points)


@lru_cache(maxsize=32)
def _histories(history: _Points) -> dict[str, Metric]:
    """Every metric by its name, with its newest value in the history. Rows are drawn several times between points."""
    found: dict[str, list[MetricPoint]] = {}
    for point in history.points:
        for name in point.values:
            found.setdefault(name, []).append(point)
    return {name: _metric(name, tuple(points)) for name, points in found.items()}


def _metric(name: str, points: tuple[MetricPoint, ...]) -> Metric:
    values = tuple([point.values[name] for point in points])
    return Metric(name, values[-1], tuple([float(point.epoch) for point in points]), values, points)


def _rank(name: str) -> tuple[int, str]:
    if name in ORDER:
        return (ORDER.index(name), "")
    return (100 if name in LAST else 50, name)


def short(metric: Metric, width: int, role: str) -> Line:
    """`val acc 0.912 ▂▄▆█` with a sparkline of `width` cells (fewer while there is little history)."""
    cells = min(width, len(metric.values))
    line: Line = [(metric.label + " ", "dim"), (number(metric.value), "bold")]
    return [*line, (" " + spark(metric.values, cells), role)] if cells >= 2 else line
