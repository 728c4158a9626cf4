"""What a run is judged by, from its records alone: figures of the test, else of the best validation; and controls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeGuard

from wire.records import MetricPoint, RunSummary

NO_SKILL = "no skill"
REFERENCES = frozenset({"oracle", "physics_fit"})
"""Rows that stand beside the controls and know more than the video shows: nobody has to beat them."""
_Z95 = 1.959963984540054
Controls = Mapping[str, Any]
"""Name -> figures."""


@dataclass(frozen=True)
class Figures:
    """What a run is judged by; a figure that it does not have is None."""

    split: Literal["test", "validation", ""] = ""
    epoch: int | None = None
    """Of a validation."""
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    """95 % of the accuracy (Wilson)."""
    pred_mse: float | None = None
    skill: float | None = None


def best_control(controls: Controls, metric: str) -> tuple[str, float] | None:
    """Name and value of the control that is hardest to beat at `metric`; None if none has it."""
    known = [
        (name.replace("_", " "), float(row[metric]))
        for name, row in controls.items()
        if name not in REFERENCES and isinstance(row, dict) and is_number(row.get(metric))
    ]
    if not known:
        return None
    return (max if metric == "accuracy" else min)(known, key=lambda one: one[1])


def has_skill(result: RunSummary) -> bool:
    """False if the run says so itself, or if it is not above each control in accuracy and in error."""
    if NO_SKILL in (result.verdict, *result.flags):
        return False
    own, inf = numbers(result.metrics), math.inf
    accuracy, error = best_control(result.controls, "accuracy"), best_control(result.controls, "pred_mse")
    behind = accuracy is not None and own.get("accuracy", inf) <= accuracy[1]
    wrong = error is not None and own.get("pred_mse", -inf) >= error[1]
    return own.get("skill", inf) > 0 and not behind and not wrong


def beside_controls(result: RunSummary, controls: Controls) -> RunSummary:
    """The summary with trained controls beside its own ones; its skill is against the best of all."""
    if not controls:
        return result
    every = {**result.controls, **controls}
    best, metrics = best_control(every, "pred_mse"), dict(result.metrics)
    error = metrics.get("pred_mse")
    if best is not None and is_number(error):
        metrics["skill"] = 1 - error / max(best[1], 1e-12)
    return replace(result, controls=every, metrics=metrics)


def figures_of(result: RunSummary) -> Figures:
    """The figures of the test split."""
    known = numbers(result.metrics)
    accuracy, low, high = known.get("accuracy"), known.get("accuracy_low"), known.get("accuracy_high")
    interval = (low, high) if low is not None and high is not None else None
    count = int(known.get("n", 0))
    if interval is None and accuracy is not None and count > 0:
        interval = wilson_interval(accuracy, count)
    return Figures("test", None, accuracy, interval, known.get("pred_mse"), known.get("skill"))


def validation_figures(points: Iterable[MetricPoint]) -> Figures:
    """The validation of the best whole epoch: the lowest loss (the first of equals), else the highest accuracy."""
    epochs: dict[int, dict[str, float]] = {}
    for point in points:
        if is_number(point.epoch) and float(point.epoch).is_integer():
            epochs.setdefault(int(point.epoch), {}).update(numbers(point.values))
    for name, sign in (("val_loss", 1.0), ("val_accuracy", -1.0)):
        judged = [(sign * values[name], epoch) for epoch, values in epochs.items() if name in values]
        if judged:
            epoch = min(judged)[1]
            best = epochs[epoch]
            return Figures("validation", epoch, best.get("val_accuracy"), None, best.get("pred_mse"), best.get("skill"))
    return Figures()


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a proportion of `count` (Wilson 1927)."""
    z2 = _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def is_tested(result: RunSummary) -> bool:
    return bool({"accuracy", "pred_mse"} & numbers(result.metrics).keys())


def is_number(value: Any) -> TypeGuard[float]:
    """True for an int or float that is finite and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Those of the values that are finite numbers."""
    return {name: float(value) for name, value in values.items() if is_number(value)}
