"""Figures of one split: classification with its interval, forecast error at each horizon, skill."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.tasks import BOTH, Tasks

WORKSPACE_SIDE = 2.0
_Z95 = 1.959963984540054

Array = NDArray[np.float64]


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson 1927); (0, 1) if there is nothing to judge by."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = correct / count, _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def confusion_matrix(label: NDArray[np.int64], guess: NDArray[np.int64], classes: int = 4) -> NDArray[np.int64]:
    """Return counts (classes, classes): rows are true, columns predicted."""
    return np.bincount(label * classes + guess, minlength=classes**2).reshape(classes, classes)


def classification_metrics(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy with interval and n, and precision, recall, F1 averaged over classes."""
    count, correct = int(confusion.sum()), int(np.trace(confusion))
    low, high = wilson_interval(correct, count)
    hit = np.diag(confusion).astype(np.float64)
    recall = hit / np.maximum(confusion.sum(axis=1), 1)
    precision = hit / np.maximum(confusion.sum(axis=0), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    means = {"precision": precision.mean(), "recall": recall.mean(), "f1": f1.mean()}
    figures = {"accuracy": correct / max(count, 1), "accuracy_low": low, "accuracy_high": high, "n": count}
    return figures | {name: float(value) for name, value in means.items()}


def forecast_mse(forecast: Array, path: Array) -> Array:
    """Return the MSE at t+1..t+5, (5,), over clips and x, y, z, in half-sides squared; inputs (n, 5, 3)."""
    return np.asarray(((forecast - path) ** 2).mean(axis=(0, 2)), np.float64)


def forecast_mae_percent(forecast: Array, path: Array) -> Array:
    """Return the mean absolute error at t+1..t+5 in percent of the workspace side, (5,)."""
    return np.asarray(np.abs(forecast - path).mean(axis=(0, 2)) / WORKSPACE_SIDE * 100, np.float64)


def skill(mse: float, best_control_mse: float) -> float:
    """Return 1 - MSE / MSE of the best control: 1 is perfect, 0 no better than the control."""
    return 1 - mse / max(best_control_mse, 1e-12)


@dataclass(frozen=True)
class Predictions:
    """What a model said of one split, and the truth."""

    label: NDArray[np.int64]
    """(n,)."""
    guess: NDArray[np.int64]
    """(n,)."""
    forecast: Array
    """(n, 5, 3)."""
    path: Array | None
    """(n, 5, 3), the truth; None if it is not known."""
    class_loss: float
    pred_loss: float
    """Mean over all five frames."""
    classes: int = 4
    probabilities: NDArray[np.float32] | None = None
    """(n, classes); None where only the guesses are known."""
    tasks: Tasks = BOTH
    """Those that the model was trained for: of the others there are no figures."""
    frames: int = 0
    """How many frames of a clip the model had seen when it decided; 0 where that is not known."""

    @property
    def confusion(self) -> NDArray[np.int64]:
        return confusion_matrix(self.label, self.guess, self.classes)

    def metrics(self, best_control_mse: float | None) -> dict[str, float]:
        """Return every figure of the split; `pred_mse` is t+5 alone. No truth, no control: no forecast figures."""
        figures: dict[str, float] = {"n": len(self.label)}
        if self.tasks.classes:
            figures = classification_metrics(self.confusion) | {"class_loss": self.class_loss}
        if self.frames:
            figures["decided_at_frame"] = self.frames
        if self.path is None or best_control_mse is None or not self.tasks.forecast:
            return figures
        mse, mae = forecast_mse(self.forecast, self.path), forecast_mae_percent(self.forecast, self.path)
        figures |= {"pred_loss": self.pred_loss}
        figures |= {"pred_mse": float(mse[-1]), "skill": skill(float(mse[-1]), best_control_mse)}
        figures |= {f"mse_t{step}": float(value) for step, value in enumerate(mse, 1)}
        return figures | {f"mae_percent_t{step}": float(value) for step, value in enumerate(mae, 1)}
