"""The path of an object from what its detector saw: each family fitted by reprojection, the likeliest chosen.

    starts       linear algebra for each family (`fit_starts`)
    refine       Levenberg and Marquardt on pixels, robust to outliers (`reprojection`)
    select       classifier's probability x evidence of the fit (`selection`)

Nothing but `Evidence` goes in. Where a classifier or a forecast was kept back, the rest decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Family, Floats, Motion
from renderer.sampling import Window
from trainer.errors import TrainerError
from trainer.language.evidence import Evidence
from trainer.language.fit_starts import starts
from trainer.language.observations import DETECTOR_SD_PX, Observations, observations
from trainer.language.path_terms import TERMS, Bounds, free_terms, moved
from trainer.language.reprojection import Refined, frame_weights, refine
from trainer.language.selection import correlation_time, error_scale, information, log_evidence, posterior

ROUGH_STEPS, FINE_STEPS = 12, 30
FEWEST_FRAMES = 4
_AT_ONCE = 16
"""Clips of one batch: what they need stays in the processor's cache."""


class FitError(TrainerError):
    """There is nothing that a path could be fitted to."""


@dataclass(frozen=True)
class Fit:
    """The path of one clip."""

    family: Family
    motion: Motion
    """One path in camera coordinates (half-sides, seconds), s from the middle of `window`."""
    deviation: Motion
    """Standard deviation of each of its parameters."""
    error_px: float
    """Root of the mean square of u and v that the path leaves, outliers aside; NaN without a track."""
    weights: Floats
    """Probability of each family, (4,), in the order of `Family`; one-hot where the family was given."""
    window: Window
    """T + 5 frames."""


def fit(evidence: Evidence, family: Family | None = None) -> Fit:
    """Fit the path of one clip; of one family if it is given. Raises `FitError` with neither track nor forecast."""
    return fit_all([evidence], family)[0]


def fit_all(evidence: Sequence[Evidence], family: Family | None = None) -> list[Fit]:
    """Fit clips of one view of which the same is known. Raises `FitError`."""
    for one in evidence:
        _check(one)
    fits: list[Fit] = []
    for start in range(0, len(evidence), _AT_ONCE):
        fits += _fit(evidence[start : start + _AT_ONCE], family)
    return fits


def _check(one: Evidence) -> None:
    """Refuse what no path can be fitted to."""
    if one.track is None and (one.forecast is None or one.forecast_sd is None):
        raise FitError("there is neither a track nor a forecast with its deviation to fit a path to")
    if one.view.frames < FEWEST_FRAMES:
        raise FitError(f"{one.view.frames} frames are too few for a path: at least {FEWEST_FRAMES} are needed")
    if not all(np.isfinite(part).all() for part in (one.track, one.forecast, one.forecast_sd) if part is not None):
        raise FitError("the track or the forecast has values that are no numbers")


def forecast(one: Fit) -> Floats:
    """Return the positions in the five frames after the seen ones, (5, 3)."""
    return np.asarray(one.motion.positions(one.window.times_s[one.window.frames :])[0], np.float64)


def _fit(evidence: Sequence[Evidence], family: Family | None) -> list[Fit]:
    seen = observations(evidence)
    families = tuple(Family) if family is None else (family,)
    best = _best_of_each(seen, families)
    count = len(families)
    rows, labels = np.arange(len(seen)).repeat(count), np.tile(np.array(families, np.int64), len(seen))
    every = seen.of(rows)
    scales = error_scale(every, best.rest, labels).reshape(-1, count)
    scale = np.maximum(scales.min(axis=1), 0.5)
    best = refine(every.with_error(scale.repeat(count)), best.motion, labels, FINE_STEPS)
    chosen = np.arange(len(seen)) * count + scales.argmin(axis=1)
    correlated = correlation_time(seen, best.rest[chosen])
    if family is None:
        found = log_evidence(every, best, labels, scale.repeat(count), correlated.repeat(count))
        weights = posterior(found.reshape(-1, count), _head(evidence), scale)
        chosen = np.arange(len(seen)) * count + weights.argmax(axis=1)
    else:
        weights = np.tile(np.eye(len(Family))[family], (len(seen), 1))
    motion, deviation = _reported(seen, best.motion.of(chosen), labels[chosen], scale, correlated)
    error = _error_px(seen, best.rest[chosen])
    return [
        Fit(
            Family(labels[pick]),
            motion.of(np.array([clip])),
            deviation.of(np.array([clip])),
            float(error[clip]),
            weights[clip],
            seen.window,
        )
        for clip, pick in enumerate(chosen)
    ]


def _best_of_each(seen: Observations, families: tuple[Family, ...]) -> Refined:
    """Return the best fit of each clip and family: clip by clip, in the order of `families`."""
    begun = starts(seen, families)
    every = seen.of(begun.clip)
    rough = refine(every, begun.motion, begun.family, ROUGH_STEPS)
    size = np.median(np.square(rough.rest).sum(axis=2), axis=1)
    spread = np.minimum(np.square(rough.rest).sum(axis=2), 25 * size[:, None] + 25).sum(axis=1)
    picks = np.array(
        [
            rows[spread[rows].argmin()]
            for clip in range(len(seen))
            for family in families
            for rows in [np.flatnonzero((begun.clip == clip) & (begun.family == family))]
        ]
    )
    return Refined(rough.motion.of(picks), rough.rest[picks])


def _head(evidence: Sequence[Evidence]) -> Floats | None:
    """Return the classifier's probabilities in the order of `Family`; None where there are none of these families."""
    names = [family.name.lower() for family in Family]
    rows = []
    for one in evidence:
        if one.probabilities is None or sorted(one.class_names) != sorted(names):
            return None
        rows.append([one.probabilities[one.class_names.index(name)] for name in names])
    return np.array(rows, np.float64)


def _reported(
    seen: Observations, motion: Motion, families: NDArray[np.int64], scale: Floats, correlated: Floats
) -> tuple[Motion, Motion]:
    """Return paths in seconds from the middle of the window, and the deviations of their parameters."""
    precision = information(seen, motion, families, scale, correlated)
    diagonal = np.arange(TERMS)
    precision[:, diagonal, diagonal] += np.where(free_terms(families), 1e-9, 1)
    covariance = np.linalg.inv(precision) * free_terms(families)[:, None]
    centre = _in_seconds(seen, motion).to_array()
    small = 1e-5
    change = [
        (_in_seconds(seen, moved(motion, np.tile(step, (len(seen), 1)), Bounds(0, np.inf, 0))).to_array() - centre)
        / small
        for step in small * np.eye(TERMS)
    ]
    by_term = np.stack([one.reshape(len(seen), -1) for one in change], axis=2)
    variance = ((by_term @ covariance) * by_term).sum(axis=2)
    return Motion.from_array(centre), Motion.from_array(np.sqrt(np.maximum(variance, 0)).reshape(centre.shape))


def _in_seconds(seen: Observations, motion: Motion) -> Motion:
    unit = seen.unit_s
    middle = seen.window.times_s[0] + unit
    timed = replace(
        motion,
        velocity=motion.velocity / unit,
        acceleration=motion.acceleration / unit**2,
        rotation=motion.rotation / unit,
    )
    return timed.shifted(np.full(len(motion.centre), -middle))


def _error_px(seen: Observations, rest: Floats) -> Floats:
    if seen.track is None:
        return np.full(len(rest), np.nan)
    frames = seen.view.frames
    weights = frame_weights(seen, rest)[:, :frames]
    squares = np.square(rest[:, :frames, :2] * DETECTOR_SD_PX[:2]).mean(axis=2)
    return np.asarray(np.sqrt((weights * squares).sum(axis=1) / weights.sum(axis=1)), np.float64)
