"""Metrics of a run: which come first, how they are called on the screen, and their history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    names: set[str] = set().union(*(point.values for point in row.metrics))
    # What an ended run is worth is said by its result; figures of the test are no point of a validation curve.
    newest = dict(row.progress.metrics) if row.progress is not None and row.result is None else {}
    names.update(newest)
    return [_metric(row, name, newest) for name in sorted(names, key=_rank)]


def _metric(row: RunSnapshot, name: str, newest: Mapping[str, int | float | None]) -> Metric:
    points = tuple(point for point in row.metrics if name in point.values)
    values = tuple(point.values[name] for point in points)
    value = newest[name] if name in newest else values[-1] if values else None
    return Metric(name, value, tuple(float(point.epoch) for point in points), values, points)


def _rank(name: str) -> tuple[int, str]:
    if name in ORDER:
        return (ORDER.index(name), "")
    return (100 if name in LAST else 50, name)


def short(metric: Metric, width: int, role: str) -> Line:
    """`val acc 0.912 ▂▄▆█` with a sparkline of `width` cells (fewer while there is little history)."""
    cells = min(width, len(metric.values))
    line: Line = [(metric.label + " ", "dim"), (number(metric.value), "bold")]
    return [*line, (" " + spark(metric.values, cells), role)] if cells >= 2 else line
