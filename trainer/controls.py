"""What needs no learning. A model that does not beat the best of these has no skill.

hold_last           the true position in the last seen frame, held
constant_velocity   the true last step, repeated
class_mean          mean training target of the clip's true class
majority            the commonest training class

Where positions are not known, majority is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.data.source import ClipSource
from trainer.metrics import Array, forecast_mae_percent, forecast_mse


@dataclass(frozen=True)
class Controls:
    """The controls of one split: forecasts (n, 5, 3) by name, and the accuracy of always guessing one class."""

    forecasts: dict[str, Array]
    path: Array
    """The truth, (n, 5, 3)."""
    majority_accuracy: float

    @property
    def best_mse(self) -> float | None:
        """Smallest MSE at t+5 of any control; None without positions."""
        errors = [float(forecast_mse(forecast, self.path)[-1]) for forecast in self.forecasts.values()]
        return min(errors, default=None)

    def table(self) -> dict[str, Any]:
        """Return {control: {metric: value}} as it stands in result.json."""
        rows: dict[str, Any] = {}
        for name, forecast in self.forecasts.items():
            mse, mae = forecast_mse(forecast, self.path), forecast_mae_percent(forecast, self.path)
            rows[name] = {"pred_mse": float(mse[-1])}
            rows[name] |= {f"mse_t{step}": float(value) for step, value in enumerate(mse, 1)}
            rows[name] |= {f"mae_percent_t{step}": float(value) for step, value in enumerate(mae, 1)}
        rows["majority"] = {"accuracy": self.majority_accuracy}
        return rows


def compute_controls(train: ClipSource, split: ClipSource) -> Controls:
    """Return the controls of `split`; means and majority come from the training split."""
    majority = np.bincount(train.labels).argmax()
    accuracy = float((split.labels == majority).mean())
    if train.path is None or split.path is None:
        return Controls({}, np.empty((len(split), 0, 3)), accuracy)
    frames = split.frames
    seen, future = split.path[:, :frames], split.path[:, frames:]
    last, step = seen[:, -1], seen[:, -1] - seen[:, -2]
    ahead = np.arange(1, future.shape[1] + 1)[None, :, None]
    classes = np.unique(train.labels)
    means = np.stack([train.path[train.labels == value, frames:].mean(axis=0) for value in classes])
    forecasts = {
        "hold_last": np.repeat(last[:, None], future.shape[1], axis=1),
        "constant_velocity": last[:, None] + ahead * step[:, None],
        "class_mean": means[np.searchsorted(classes, split.labels)],
    }
    return Controls(forecasts, future, accuracy)
