"""What needs no learning. A model that does not beat the best of these has no skill.

hold_last           the true position in the last seen frame, held
constant_velocity   the true last step, repeated
class_mean          mean training target of the clip's true class
majority            the commonest training class
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from renderer.trajectories import TrajectoryRecipe
from trainer.metrics import Array, forecast_mae_percent, forecast_mse


@dataclass(frozen=True)
class Controls:
    """The controls of one split: forecasts (n, 5, 3) by name, and the accuracy of always guessing one class."""

    forecasts: dict[str, Array]
    path: Array
    majority_accuracy: float

    @property
    def best_mse(self) -> float:
        """Smallest MSE at t+5 of any control."""
        return min(float(forecast_mse(forecast, self.path)[-1]) for forecast in self.forecasts.values())

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


def compute_controls(train: TrajectoryRecipe, split: TrajectoryRecipe) -> Controls:
    """Return the controls of `split`; means and majority come from the training split."""
    frames, horizon = split.window.frames, split.window.horizon
    whole = split.camera_path()
    last, step = whole[:, frames - 1], whole[:, frames - 1] - whole[:, frames - 2]
    ahead = np.arange(1, horizon + 1)[None, :, None]
    future = train.camera_path(frames)
    means = np.stack([future[train.label == value].mean(axis=0) for value in np.unique(train.label)])
    place = np.searchsorted(np.unique(train.label), split.label)
    forecasts = {
        "hold_last": np.repeat(last[:, None], horizon, axis=1),
        "constant_velocity": last[:, None] + ahead * step[:, None],
        "class_mean": means[place],
    }
    majority = np.bincount(train.label).argmax()
    return Controls(forecasts, whole[:, frames:], float((split.label == majority).mean()))
