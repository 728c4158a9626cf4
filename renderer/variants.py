"""The 180 views of a scene of `trajectories`, by number: `variant(recipe, k)` makes row i variant k[i] of its scene.

The number is read in mixed radix, style counting fastest:

    k = (((noise * 3 + camera) * 2 + rotation) * 3 + phase) * 2 + style

    noise     5   the scene's own level, then the other `LEVELS` upwards and round
    camera    3   the scene's own, or one of two drawn from the tier's ranges
    rotation  2   none, or the camera turned about its own axes by 2 to 5 degrees
    phase     3   none, or the clock set forward or back by an eighth of the window: another piece of the same path
    style     2   the scene's own, or the other

Variant 0 is the scene itself, to the byte. Every draw depends on (seed of the recipe, scene, k) alone, so a variant is
the same whatever batch it is in. All T + 5 centres stay inside with the margin: a camera is the first of 16 draws that
keeps the path in view (else the scene's own), and a rotation or shift that would lead out is shortened to the largest
sixteenth that does not. In a tier with one fixed camera all three cameras are that one, but their rotations differ.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras, look_at_origin, rotation_matrix
from renderer.errors import RendererError
from renderer.motion import Floats, Motion
from renderer.noise import LEVELS
from renderer.sampling import MARGIN
from renderer.streams import hashed, uniform
from renderer.tiers import find_tier
from renderer.trajectories import STYLES, TrajectoryRecipe

Ints = NDArray[np.int64]
Fits = Callable[[Ints, Floats], NDArray[np.bool_]]
"""(rows (m,), shares (c,)) -> whether each row's whole path stays in view at each share of its change, (m, c)."""

RADIX = (len(LEVELS), 3, 2, 3, len(STYLES))
VARIANTS = int(np.prod(RADIX))

_NOISE, _CAMERA, _ROTATION = range(3)
"""First part of an address, so that no two draws share one."""
_CANDIDATES = 16
_TURN_DEG = (2.0, 5.0)
_PHASES = np.array([0, -1 / 8, 1 / 8])
_SHARES = np.arange(16, -1, -1) / 16


def variant(recipe: TrajectoryRecipe, k: Ints) -> TrajectoryRecipe:
    """Return row i as variant k[i] of its scene; `recipe` holds the scenes themselves. Scene and label stay.

    Raises `RendererError` for a number that no variant has.
    """
    k = np.asarray(k, np.int64)
    if k.shape != (len(recipe),) or (len(k) and (k.min() < 0 or k.max() >= VARIANTS)):
        raise RendererError(f"a variant is needed for each of {len(recipe)} clips: a number from 0 to {VARIANTS - 1}")
    noise, camera, rotation, phase, style = np.unravel_index(k, RADIX)
    motion = Motion.from_array(recipe.motion)
    cameras = _other_cameras(recipe, motion, camera)
    cameras = _turned(recipe, motion, cameras, camera, np.flatnonzero(rotation))
    motion = _shifted(recipe, motion, cameras, _PHASES[phase] * recipe.window.length_s)
    fresh = hashed(_NOISE, recipe.seed, recipe.scene, k)
    return recipe.replace(
        motion=motion.to_array(),
        rotation=cameras.rotation,
        position=cameras.position,
        style=((recipe.style + style) % len(STYLES)).astype(np.uint8),
        noise_sigma=_levels(recipe.noise_sigma, noise),
        noise_seed=np.where(k == 0, recipe.noise_seed, fresh),
    )


def views(recipe: TrajectoryRecipe, count: int) -> TrajectoryRecipe:
    """Return `count` different variants of each scene, one after the other.

    They are steps through all variants from a random one on; a step that shares no factor with their number meets
    none twice.
    """
    scene = recipe.scene[:, None]
    steps = np.flatnonzero(np.gcd(np.arange(VARIANTS), VARIANTS) == 1)
    step = steps[hashed(recipe.seed, scene, 1) % np.uint64(len(steps))]
    first = (hashed(recipe.seed, scene, 0) % np.uint64(VARIANTS)).astype(np.int64)
    k = (first + step * np.arange(count)) % VARIANTS
    return variant(recipe.take(np.repeat(np.arange(len(recipe)), count)), k.reshape(-1))


def _levels(own: NDArray[np.float32], step: Ints) -> NDArray[np.float32]:
    levels = np.array(LEVELS, np.float32)
    nearest = np.abs(levels - own[:, None]).argmin(axis=1)
    return np.where(step == 0, own, levels[(nearest + step) % len(levels)])


def _other_cameras(recipe: TrajectoryRecipe, motion: Motion, camera: Ints) -> Cameras:
    """Return the scene's own camera where `camera` is 0, else the first drawn one that keeps the path in view."""
    rotation, position = recipe.rotation.copy(), recipe.position.copy()
    rows = np.flatnonzero(camera)
    world = motion.positions(recipe.window.times_s)
    for candidates in (np.arange(1), np.arange(1, _CANDIDATES)):
        drawn = _draw(recipe, rows, camera[rows], candidates)
        there = drawn.to_camera(np.repeat(world[rows], len(candidates), axis=0))
        fits = drawn.inside(there, MARGIN).reshape(len(rows), len(candidates))
        found = fits.any(axis=1)
        chosen = (np.arange(len(rows)) * len(candidates) + fits.argmax(axis=1))[found]
        rotation[rows[found]], position[rows[found]] = drawn.rotation[chosen], drawn.position[chosen]
        rows = rows[~found]
    return Cameras(rotation, position, recipe.focal_px, recipe.window.size_px)


def _draw(recipe: TrajectoryRecipe, rows: Ints, camera: Ints, candidates: Ints) -> Cameras:
    """Return the candidates of each row from the tier's ranges, row by row."""
    tier = find_tier(recipe.tier)
    address = (recipe.scene[rows, None], camera[:, None], candidates[None])
    share = uniform(_CAMERA, recipe.seed, *(part[..., None] for part in address), np.arange(3)).reshape(-1, 3)
    return look_at_origin(
        np.radians(tier.azimuth_deg.at(share[:, 0])),
        np.radians(tier.elevation_deg.at(share[:, 1])),
        tier.distance.at(share[:, 2]),
        recipe.focal_px,
        recipe.window.size_px,
    )


def _turned(recipe: TrajectoryRecipe, motion: Motion, cameras: Cameras, camera: Ints, rows: Ints) -> Cameras:
    """Turn the cameras of `rows`."""
    z, around, size = uniform(_ROTATION, recipe.seed, recipe.scene[rows], camera[rows], np.arange(3)[:, None])
    z, around = 2 * z - 1, 2 * np.pi * around
    axis = np.stack([np.sqrt(1 - z**2) * np.cos(around), np.sqrt(1 - z**2) * np.sin(around), z], axis=1)
    vector = np.zeros((len(recipe), 3))
    vector[rows] = axis * np.radians(_TURN_DEG[0] + (_TURN_DEG[1] - _TURN_DEG[0]) * size)[:, None]
    seen = cameras.to_camera(motion.positions(recipe.window.times_s))

    def fits(rows: Ints, shares: Floats) -> NDArray[np.bool_]:
        matrix = rotation_matrix((vector[rows, None] * shares[:, None]).reshape(-1, 3))
        turned = seen[rows, None] @ matrix.reshape(len(rows), len(shares), 3, 3).swapaxes(2, 3)
        return cameras.inside(turned, MARGIN)

    vector[rows] *= _largest_shares(rows, fits)[:, None]
    return cameras.turned(vector)


def _shifted(recipe: TrajectoryRecipe, motion: Motion, cameras: Cameras, seconds: Floats) -> Motion:
    """Set the clock of each path forward."""
    times = recipe.window.times_s

    def fits(rows: Ints, shares: Floats) -> NDArray[np.bool_]:
        when = times + seconds[rows, None, None] * shares[:, None]
        world = motion.of(rows).positions(when.reshape(len(rows), len(shares) * len(times)))
        there = cameras.of(rows).to_camera(world)
        return cameras.inside(there.reshape(*when.shape, 3), MARGIN)

    rows = np.flatnonzero(seconds)
    seconds[rows] *= _largest_shares(rows, fits)
    return motion.shifted(seconds)


def _largest_shares(rows: Ints, fits: Fits) -> Floats:
    """Return for each row the largest of `_SHARES` that fits: 1 for most, which is asked first; 0 always fits."""
    share = np.ones(len(rows))
    tight = np.flatnonzero(~fits(rows, _SHARES[:1])[:, 0])
    smaller = np.append(fits(rows[tight], _SHARES[1:-1]), np.ones((len(tight), 1), bool), axis=1)
    share[tight] = _SHARES[1:][smaller.argmax(axis=1)]
    return share
