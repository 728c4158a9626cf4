"""What the curves of a run say: where it converged, whether it overfits, how steady it was.

Every rule is written where it is computed; all of them need the validation loss and answer None without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.analysis.results import Results

CONVERGED_SHARE = 0.95
IMPROVING_SHARE = 0.02
OVERFIT_RISE, OVERFIT_TREND = 0.10, 0.05
SIGNIFICANT = 2.0
STEADY_JITTER, UNSTEADY_JITTER = 0.05, 0.15
SPIKE = 1.5

Curve = NDArray[np.float64]


def best_epoch(results: Results) -> int | None:
    """Return the epoch of the lowest validation loss (the first of equals); without one, of the highest accuracy."""
    for key, sign in (("val_loss", 1), ("val_accuracy", -1)):
        values = sign * results.curve(key)
        if np.isfinite(values).any():
            return int(results.history[int(np.nanargmin(values))]["epoch"])
    return None


def still_improving(loss: Curve) -> bool | None:
    """Return whether the mean of the last two losses is below that of the two before; None with fewer than four."""
    loss = loss[np.isfinite(loss)]
    return bool(loss[-2:].mean() < loss[-4:-2].mean()) if len(loss) >= 4 else None


@dataclass(frozen=True)
class Convergence:
    """`epoch` is the first at which the best validation loss so far has come 95 % of the way from the first epoch's
    to the lowest of all; None if the loss never fell, or if it still falls at the end.
    """

    epoch: int | None
    still_falling: bool
    """The mean of the last two validation losses is more than 2 % below that of the two before."""
    why: str
    """'' or why there is no epoch."""


def convergence(results: Results) -> Convergence | None:
    """Return where the run converged; None with fewer than two validation losses."""
    epochs, loss = _finite(results, "val_loss")
    if len(loss) < 2:
        return None
    lowest = np.minimum.accumulate(loss)
    falling = bool(len(loss) >= 4 and loss[-2:].mean() < (1 - IMPROVING_SHARE) * loss[-4:-2].mean())
    if lowest[-1] >= loss[0]:
        return Convergence(None, falling, "the validation loss never fell below that of its first epoch")
    reached = int(epochs[np.argmax(loss[0] - lowest >= CONVERGED_SHARE * (loss[0] - lowest[-1]))])
    if falling:
        return Convergence(None, True, "the validation loss still falls at the end")
    return Convergence(reached, False, "")


@dataclass(frozen=True)
class Overfitting:
    """How validation and training loss part. Training loss is taken while the weights still change and with
    augmentation, so the gap's trend says more than its size.
    """

    gap: float
    """Validation minus training loss in the last epoch."""
    gap_at_best: float
    """The same in the best epoch."""
    trend: float
    """Slope of the gap per epoch, least squares over the last half of the epochs (at least four)."""
    trend_error: float
    """Standard error of that slope."""
    rise: float
    """How far the last validation loss lies above the lowest, as a share of the lowest."""
    level: Literal["none", "beginning", "yes"]
    """`none` while the last validation loss is the lowest. `beginning`: the trend is more than two standard errors
    above 0 and adds over 5 % of the lowest validation loss in its epochs. `yes`: and the rise is above 10 %.
    """


def overfitting(results: Results) -> Overfitting | None:
    """Return the signs of overfitting; None with fewer than four epochs of both losses."""
    epochs = results.curve("epoch")
    train, validation = results.curve("train_loss"), results.curve("val_loss")
    both = np.isfinite(train) & np.isfinite(validation)
    if both.sum() < 4:
        return None
    epochs, validation, gap = epochs[both], validation[both], (validation - train)[both]
    tail = max(4, len(gap) // 2)
    slope, error = _slope(epochs[-tail:], gap[-tail:])
    best = int(validation.argmin())
    rise = float(validation[-1] / validation[best] - 1) if validation[best] > 0 else 0.0
    rising = rise > 0 and slope > SIGNIFICANT * error and slope * tail > OVERFIT_TREND * validation[best]
    level: Literal["none", "beginning", "yes"] = "none" if not rising else "yes" if rise > OVERFIT_RISE else "beginning"
    return Overfitting(float(gap[-1]), float(gap[best]), slope, error, rise, level)


@dataclass(frozen=True)
class Stability:
    """How steadily the validation loss ran."""

    jitter: float
    """Median of |loss - mean of its two neighbours| / loss, over the last half of the epochs (at least four)."""
    rises: float
    """Share of epochs in which the loss was above the epoch before."""
    largest_rise: float
    """Largest loss / loss of the epoch before."""
    not_finite: int
    """Epochs with a loss that was not finite."""
    level: Literal["steady", "uneven", "unstable"]
    """`unstable`: jitter above .15, a rise above 1.5x, or a loss not finite; `uneven`: jitter above .05."""


def stability(results: Results) -> Stability | None:
    """Return how steady the run was; None with fewer than four validation losses."""
    not_finite = sum(
        key in row and not np.isfinite(row[key]) for row in results.history for key in ("train_loss", "val_loss")
    )
    _, loss = _finite(results, "val_loss")
    loss = loss[loss > 0]
    if len(loss) < 4:
        return None
    tail = loss[-max(4, len(loss) // 2) :]
    jitter = float(np.median(np.abs(tail[1:-1] - (tail[:-2] + tail[2:]) / 2) / tail[1:-1]))
    largest = float((loss[1:] / loss[:-1]).max())
    level: Literal["steady", "uneven", "unstable"] = "steady"
    if jitter > UNSTEADY_JITTER or largest > SPIKE or not_finite:
        level = "unstable"
    elif jitter > STEADY_JITTER:
        level = "uneven"
    return Stability(jitter, float((np.diff(loss) > 0).mean()), largest, not_finite, level)


@dataclass(frozen=True)
class Generalisation:
    """Gaps between what was trained on and what was not, in the best epoch. A part that is not known is None."""

    epoch: int
    loss: float | None
    """Validation minus training loss."""
    accuracy: float | None
    """Training minus validation accuracy."""
    to_test: float | None
    """Validation minus test accuracy."""


def generalisation(results: Results) -> Generalisation | None:
    """Return the gaps in the best epoch; None where no epoch is the best."""
    epoch = best_epoch(results)
    if epoch is None:
        return None
    row = next(row for row in results.history if row["epoch"] == epoch)

    def gap(high: float | None, low: float | None) -> float | None:
        return None if high is None or low is None or not np.isfinite(high - low) else high - low

    return Generalisation(
        epoch,
        gap(row.get("val_loss"), row.get("train_loss")),
        gap(row.get("train_accuracy"), row.get("val_accuracy")),
        gap(row.get("val_accuracy"), results.metrics.get("accuracy")),
    )


def _finite(results: Results, key: str) -> tuple[Curve, Curve]:
    epochs, values = results.curve("epoch"), results.curve(key)
    there = np.isfinite(values)
    return epochs[there], values[there]


def _slope(x: Curve, y: Curve) -> tuple[float, float]:
    """Slope of the least-squares line and its standard error."""
    x = x - x.mean()
    spread = float((x**2).sum())
    slope = float((x * y).sum()) / spread
    residual = y - y.mean() - slope * x
    return slope, float(np.sqrt((residual**2).sum() / (len(x) - 2) / spread))
