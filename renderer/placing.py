"""Paths for many objects under cameras that are given: each is drawn again until it stays in its camera's picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.errors import SamplingError
from renderer.motion import Family, Floats, Motion
from renderer.sampling import MARGIN, Window, draw_motion
from renderer.tiers import Tier

DRIFTS = (0.0, 0.3)
"""Shares of its path's speed at which clutter stands still or drifts."""
_MAX_ROUNDS = 2000


@dataclass(frozen=True)
class PathLaw:
    """What all paths of a tier are drawn from, whatever the object's kind: so place and speed say nothing of kind."""

    ranges: Tier
    families: tuple[Family, ...] = tuple(Family)
    least_step: float = 0.0
    """Every step from frame to frame is at least so many times the object's box (0: no matter)."""


@dataclass(frozen=True)
class Placed:
    """m accepted paths, and how many were drawn for each."""

    motion: Floats
    """`Motion.to_array`, (m, 5, 3)."""
    drawn: NDArray[np.int64]
    """(m,)."""


def place(rng: np.random.Generator, cameras: Cameras, law: PathLaw, window: Window, slack_px: float = 0.0,
          also: Sequence[Cameras] = ()) -> Placed:  # fmt: skip
    """Draw one path for each of m cameras, of an even mix of the law's families.

    All T + 5 centres lie inside the picture; steps have `slack_px` to spare. Both hold in the pictures of `also`, m
    further cameras each, too. Raises `SamplingError` if a camera sees hardly any path whole.
    """
    m = len(cameras.rotation)
    family = rng.choice(np.array(law.families), m)
    motion, drawn = np.empty((m, 5, 3)), np.zeros(m, np.int64)
    pending = np.arange(m)
    for _ in range(_MAX_ROUNDS):
        if len(pending) == 0:
            return Placed(motion, drawn)
        for value in law.families:
            rows = pending[family[pending] == value]
            motion[rows] = draw_motion(rng, len(rows), value, law.ranges, window).to_array()
        drawn[pending] += 1
        eyes = (eye.of(pending) for eye in (cameras, *also))
        fits = [_fits(motion[pending], eye, law, window, slack_px) for eye in eyes]
        pending = pending[~np.logical_and.reduce(fits)]
    raise SamplingError(
        f"{len(pending)} of {m} paths of tier {law.ranges.name} do not stay in view",
        hint="shorten its ranges of travel or take its cameras farther away",
    )


def _fits(motion: Floats, cameras: Cameras, law: PathLaw, window: Window, slack_px: float) -> NDArray[np.bool_]:
    camera = cameras.to_camera(Motion.from_array(motion).positions(window.times_s))
    fits = cameras.inside(camera, MARGIN)
    if law.least_step:
        box = 2 * cameras.focal_px * law.ranges.sphere_radius / camera[..., 2]
        step = np.linalg.norm(np.diff(cameras.project(camera), axis=1), axis=2)
        least = law.least_step * np.maximum(box[:, 1:], box[:, :-1]) + slack_px
        fits &= (step >= least).all(axis=1)
    return np.asarray(fits)


def slowed(motion: Floats, factor: Floats) -> Floats:
    """Return paths (m, 5, 3) run through at `factor` (m,) times their speed: a part of the same path, or (0) a point
    of it. Both are as they were in the middle of the window.
    """
    power = np.array([0, 1, 2, 1, 0])
    return motion * (factor[:, None] ** power)[:, :, None]


def resized(motion: Floats, cameras: Cameras, scale: Floats) -> Floats:
    """Return paths (m, 5, 3) `scale` (m,) times as far from their camera, at the same places in its picture."""
    scaled = motion.copy()
    scaled[:, [1, 2, 4]] *= scale[:, None, None]
    scaled[:, 0] = cameras.position + scale[:, None] * (motion[:, 0] - cameras.position)
    return scaled
