"""Paths refined until they project to where an object was seen: Levenberg and Marquardt's method, many at a time.

A frame is an outlier or not as a whole. It counts as under a Student distribution, by iterated reweighting (Lange,
Little and Taylor 1989), in units of the error that the row's own typical frame has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Floats, Motion
from trainer.language.observations import DETECTOR_SD_PX, HORIZON, Observations
from trainer.language.path_terms import TERMS, Bounds, derivatives, free_terms, moved

STUDENT = 8.0
"""Degrees of freedom: how heavy the tails of a frame's error are."""
MEDIAN_CHI2 = 2.366
"""Of the sum of three squared standard normal deviates."""
NEAREST = 0.2
"""A path comes no closer to the camera than this, half-sides."""
LEAST_TURNS, FRAMES_A_TURN = 0.15, 4.0
"""What turns does so by this many turns in the seen frames at least, and takes this many frames for one at least:
beyond, a circle is no different from a parabola, or from anything."""


def turning_bounds(seen: Observations) -> Bounds:
    """Return the bounds of what turns: a circle narrower than the object itself would be a wobble, and no path."""
    most_turns = max(LEAST_TURNS, (seen.view.frames - 1) / FRAMES_A_TURN)
    return Bounds(LEAST_TURNS * np.pi, most_turns * np.pi, seen.view.sphere_radius)


def project(view_px: tuple[float, float, float], points: Floats) -> Floats:
    """Return u, v, r (..., 3) of points; `view_px` is focal length, half the picture, focal length x radius."""
    focal, middle, size = view_px
    depth = np.maximum(points[..., 2], NEAREST)
    return np.stack(
        [focal * points[..., 0] / depth + middle, focal * points[..., 1] / depth + middle, size / depth], axis=-1
    )


def lens(seen: Observations) -> tuple[float, float, float]:
    view = seen.view
    return view.focal_px, view.size_px / 2, view.focal_px * view.sphere_radius


def residuals(seen: Observations, motion: Motion) -> Floats:
    """Return what was seen minus what the paths say, in deviations, (n, frames, 3): T of the track and five of the
    forecast, zero where there is none.
    """
    points = motion.positions(seen.times)
    rest = np.zeros_like(points)
    frames = seen.view.frames
    if seen.track is not None:
        rest[:, :frames] = (seen.track - project(lens(seen), points[:, :frames])) / DETECTOR_SD_PX
    if seen.forecast is not None and seen.forecast_sd is not None:
        rest[:, frames:] = (seen.forecast - points[:, frames:]) / seen.forecast_sd
    return rest


def sensitivity(seen: Observations, motion: Motion) -> Floats:
    """Return minus the derivative of `residuals` by the terms of a path, (n, frames, 3, 15)."""
    points = motion.positions(seen.times)
    frames = seen.view.frames
    by_place = np.zeros((*points.shape, 3))
    if seen.track is not None:
        focal, _, size = lens(seen)
        x, y, z = np.moveaxis(points[:, :frames], 2, 0)
        z = np.maximum(z, NEAREST)
        track = by_place[:, :frames]
        track[..., 0, 0] = track[..., 1, 1] = focal / z
        track[..., 0, 2], track[..., 1, 2], track[..., 2, 2] = -focal * x / z**2, -focal * y / z**2, -size / z**2
        track /= DETECTOR_SD_PX[:, None]
    if seen.forecast_sd is not None:
        for axis in range(3):
            by_place[:, frames:, axis, axis] = 1 / seen.forecast_sd[..., axis]
    return by_place @ derivatives(motion, seen.times)


def misfit(rest: Floats) -> Floats:
    """Return the sum of squares of each frame, the five of a forecast as one, (n, T + 1)."""
    squares = np.square(rest).sum(axis=2)
    return np.concatenate([squares[:, :-HORIZON], squares[:, -HORIZON:].sum(axis=1, keepdims=True)], axis=1)


def frame_scale(seen: Observations, chi2: Floats) -> Floats:
    """Return the square of the error of a row's typical frame, in deviations, (n,); no less than one."""
    if seen.track is None:
        return np.ones(len(chi2))
    return np.maximum(np.median(chi2[:, :-1], axis=1) / MEDIAN_CHI2, 1.0)


def frame_weights(seen: Observations, rest: Floats) -> Floats:
    """Return the weight of each frame, (n, T + 5)."""
    chi2 = misfit(rest)
    scale = frame_scale(seen, chi2)[:, None]
    scaled = chi2 / np.concatenate([np.broadcast_to(scale, chi2[:, :-1].shape), np.ones_like(scale)], axis=1)
    weights = (STUDENT + 3) / (STUDENT + scaled)
    return np.concatenate([weights[:, :-1] / scale, np.repeat(weights[:, -1:], HORIZON, axis=1)], axis=1)


@dataclass(frozen=True)
class Refined:
    """Paths at the end of their way."""

    motion: Motion
    rest: Floats
    """`residuals`, (n, T + 5, 3)."""


def refine(seen: Observations, motion: Motion, families: NDArray[np.int64], steps: int) -> Refined:
    """Return paths of `families` (n,) after at most `steps` steps from `motion`, path i to what clip i shows."""
    free = free_terms(families)
    bounds = turning_bounds(seen)
    rest = residuals(seen, motion)
    damping = np.full(len(free), 1e-3)
    diagonal = np.arange(TERMS)
    for _ in range(steps):
        weights = frame_weights(seen, rest)[..., None]
        jacobian = (sensitivity(seen, motion) * free[:, None, None]).reshape(len(free), -1, TERMS)
        weighted = jacobian * np.repeat(weights, 3, axis=1)
        normal = jacobian.transpose(0, 2, 1) @ weighted
        slope = (rest.reshape(len(free), 1, -1) @ weighted)[:, 0]
        normal[:, diagonal, diagonal] *= 1 + damping[:, None]
        normal[:, diagonal, diagonal] += np.where(free, 1e-6, 1.0)
        step = np.linalg.solve(normal, slope[..., None])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        tried = moved(motion, step * np.minimum(1, 1 / np.maximum(longest, 1e-12)), bounds)
        new = residuals(seen, tried)
        before, after = ((weights * np.square(one)).sum(axis=(1, 2)) for one in (rest, new))
        better = after < before
        motion = Motion.from_array(np.where(better[:, None, None], tried.to_array(), motion.to_array()))
        rest = np.where(better[:, None, None], new, rest)
        damping = np.clip(np.where(better, damping / 5, damping * 6), 1e-9, 1e6)
        if (~better | (before - after < 1e-4 * (1 + after))).all():
            break
    return Refined(motion, rest)
