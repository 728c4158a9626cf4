"""Where fits start: paths from linear algebra.

For a known angular speed a position is linear in five vectors, and so is what a sighting says of it (Abdel-Aziz and
Karara's direct linear transformation, 1971, here with the apparent radius for scale):

    f x - (u - c) z = 0      f y - (v - c) z = 0      r z = f rho

Lines and parabolas need no more. For what turns, a grid of angular speeds is solved with two free vectors for the
spoke. Of these only x and y are well known; as both are of one length and at right angles, their depths a and b follow
up to one sign: (a + i b)^2 = |q|^2 - |p|^2 - 2 i p q, with p and q their parts across the line of sight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Family, Floats, Motion
from trainer.language.observations import DETECTOR_SD_PX, Observations
from trainer.language.reprojection import lens, turning_bounds

SPEED_STEP = 0.2
"""Of the grid, turns in the seen frames."""
SPEEDS_KEPT = 3
SUBSETS, SUBSET_FRAMES = 40, 5
"""Sets of frames that are tried for having no outlier: with a quarter of all frames outliers, one has none."""
ROBUST_ROUNDS = 3


@dataclass(frozen=True)
class Starts:
    """m rows over all clips and families."""

    clip: NDArray[np.int64]
    family: NDArray[np.int64]
    motion: Motion


@dataclass(frozen=True)
class _System:
    """Every sighting as three linear equations for its point: `design` @ point = `target`, in deviations."""

    design: Floats
    """(n, T + 5, 3, 3)."""
    target: Floats
    """(n, T + 5, 3)."""

    def solve(self, basis: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Return the vectors (n, g, k, 3) for each of g bases (g, T + 5, k), and the misfit of each frame
        (n, g, T + 5), under `weights` (n, g or 1, T + 5) of the frames.
        """
        count, (grid, _, terms) = len(self.design), basis.shape
        squares = self.design.transpose(0, 1, 3, 2) @ self.design
        pairs = (basis[..., :, None] * basis[..., None, :]).reshape(grid, -1, terms**2).transpose(0, 2, 1)
        normal = (pairs * weights[:, :, None]) @ squares.reshape(count, 1, -1, 9)
        normal = normal.reshape(count, grid, terms, terms, 3, 3).transpose(0, 1, 2, 4, 3, 5)
        normal = normal.reshape(count, grid, 3 * terms, 3 * terms)
        pull = (self.design.transpose(0, 1, 3, 2) @ self.target[..., None])[..., 0]
        right = (basis.transpose(0, 2, 1) * weights[:, :, None]) @ pull[:, None]
        ridge = 1e-9 * np.trace(normal, axis1=2, axis2=3)[..., None, None] + 1e-12
        normal = normal + ridge * np.eye(3 * terms)
        vectors = np.linalg.solve(normal, right.reshape(count, grid, -1, 1)).reshape(count, grid, terms, 3)
        points = basis @ vectors
        rest = (self.design[:, None] @ points[..., None])[..., 0] - self.target[:, None]
        return vectors, np.square(rest).sum(axis=3)


def _system(seen: Observations) -> _System:
    frames, count = seen.view.frames, len(seen)
    design, target = np.zeros((count, len(seen.times), 3, 3)), np.zeros((count, len(seen.times), 3))
    if seen.track is not None:
        focal, middle, size = lens(seen)
        u, v, radius = np.moveaxis(seen.track, 2, 0)
        radius = np.maximum(radius, 0.1)
        track = design[:, :frames]
        track[..., 0, 0] = track[..., 1, 1] = focal
        track[..., 0, 2], track[..., 1, 2], track[..., 2, 2] = middle - u, middle - v, radius
        target[:, :frames, 2] = size
        unit = size / radius[..., None] * DETECTOR_SD_PX
        track /= unit[..., None]
        target[:, :frames] /= unit
    if seen.forecast is not None and seen.forecast_sd is not None:
        design[:, frames:] = np.eye(3) / seen.forecast_sd[..., None]
        target[:, frames:] = seen.forecast / seen.forecast_sd
    return _System(design, target)


def starts(seen: Observations, families: tuple[Family, ...] = tuple(Family)) -> Starts:
    """Return where to start the fits of each clip."""
    system, s = _system(seen), seen.times
    bounds = turning_bounds(seen)
    speeds = np.arange(bounds.slowest, bounds.fastest + 1e-9, SPEED_STEP * np.pi)
    one, zero = np.ones_like(s), np.zeros((len(seen), 3))
    angle = speeds[:, None] * s
    turning = np.stack([np.broadcast_to(one, angle.shape), np.cos(angle), np.sin(angle)], axis=2)
    climbing = np.concatenate([turning, np.broadcast_to(s[:, None], (*angle.shape, 1))], axis=2)
    weights = _robust_weights(system, climbing, seen.view.frames)
    every = np.arange(len(seen))
    rows: list[tuple[NDArray[np.int64], Family, Motion]] = []
    for family in families:
        if family in (Family.LINEAR, Family.PARABOLIC):
            basis = np.stack([one, s, s**2 / 2][: 2 if family is Family.LINEAR else 3], axis=1)
            found = system.solve(basis[None], weights[:, None])[0][:, 0]
            fall = found[:, 2] if family is Family.PARABOLIC else zero
            rows.append((every, family, Motion(found[:, 0], found[:, 1], fall, zero, zero)))
            continue
        vectors, misfit = system.solve(climbing if family is Family.HELICAL else turning, weights[:, None])
        cost = (misfit * weights[:, None]).sum(axis=2)
        for chosen in _lowest(cost):
            for sign in (1.0, -1.0):
                rows.append((every, family, _turning(vectors[every, chosen], speeds[chosen], sign)))
    return Starts(
        np.concatenate([clip for clip, _, _ in rows]),
        np.repeat([int(family) for _, family, _ in rows], [len(clip) for clip, _, _ in rows]),
        Motion.from_array(np.concatenate([motion.to_array() for _, _, motion in rows])),
    )


def _robust_weights(system: _System, basis: Floats, frames: int) -> Floats:
    """Return the weights of the frames (n, T + 5), small for outliers.

    A few frames, spread over the clip, agree with most of the others if no outlier is among them (least median of
    squares, Rousseeuw 1984); from the best few on, frames are reweighted.
    """
    clips = np.arange(len(system.design))
    coarse = basis[::2]
    few = np.repeat(_spread_subsets(frames, basis.shape[1]), len(coarse), axis=0)
    misfit = system.solve(np.tile(coarse, (SUBSETS, 1, 1)), few[None])[1][..., :frames]
    best = misfit[clips, np.median(misfit, axis=2).argmin(axis=1)]
    weights = np.ones((len(clips), basis.shape[1]))
    for _ in range(ROBUST_ROUNDS):
        typical = np.median(best, axis=1)[:, None] + 1.0
        weights[:, :frames] = 1 / (1 + best / typical)
        misfit = system.solve(basis, weights[:, None])[1][..., :frames]
        best = misfit[clips, np.log1p(misfit / typical[:, None]).sum(axis=2).argmin(axis=1)]
    return weights


def _spread_subsets(frames: int, count: int) -> Floats:
    """Return weights (SUBSETS, count) of some sets of frames, one of each part of the seen ones, and all later ones."""
    rng = np.random.default_rng(0)
    subsets = np.zeros((SUBSETS, count))
    subsets[:, frames:] = 1
    for part in np.array_split(np.arange(frames), SUBSET_FRAMES):
        subsets[np.arange(SUBSETS), rng.choice(part, SUBSETS)] = 1
    return subsets


def _lowest(cost: Floats) -> NDArray[np.int64]:
    """Return the lowest local minima of (n, g), (SPEEDS_KEPT, n)."""
    padded = np.pad(cost, ((0, 0), (1, 1)), constant_values=np.inf)
    lowest = (cost <= padded[:, :-2]) & (cost <= padded[:, 2:])
    ranked = np.argsort(np.where(lowest, cost, cost + cost.max(axis=1, keepdims=True)), axis=1)
    return ranked[:, :SPEEDS_KEPT].T


def _turning(vectors: Floats, speed: Floats, sign: float) -> Motion:
    """Return circles, or helices where there is a fourth vector, from free vectors (n, 3 or 4, 3)."""
    p, q = vectors[:, 1, :2], vectors[:, 2, :2]
    square = (q * q).sum(axis=1) - (p * p).sum(axis=1) - 2j * (p * q).sum(axis=1)
    depth = sign * np.sqrt(square)
    radius = np.concatenate([p, depth.real[:, None]], axis=1)
    across = np.concatenate([q, depth.imag[:, None]], axis=1)
    axis = np.cross(radius, across)
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-9)
    velocity = np.zeros_like(radius)
    if vectors.shape[1] == 4:
        flat = np.square(axis[:, :2]).sum(axis=1) + 1e-3
        velocity = axis * ((vectors[:, 3, :2] * axis[:, :2]).sum(axis=1) / flat)[:, None]
    return Motion(vectors[:, 0], velocity, np.zeros_like(radius), axis * speed[:, None], radius)
