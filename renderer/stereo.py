"""Scenes of `objects` seen by two cameras at once: two recipes that share one world.

Objects, lives, kinds, colours and radii are the same arrays in both. What differs is the camera, and what is a matter
of the picture: pixel noise, and how an object trembles about its place there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from renderer.camera import Cameras, look_at_origin
from renderer.objects import FRAMES, OBJECT_TIERS, ObjectRecipe, make_objects
from renderer.sampling import Window
from renderer.streams import hashed
from renderer.tiers import Range, Tier

ANGLE_DEG = Range(20, 45)
"""Angle between the azimuths of the two cameras."""
_SECOND = 2
"""Address of the random numbers that are the second camera's own."""


@dataclass(frozen=True)
class Pair:
    """The same n clips through two cameras; row i of one recipe is row i of the other, objects too."""

    first: ObjectRecipe
    second: ObjectRecipe
    acceptance: dict[str, float]
    """Share of the paths of each kind that stayed in both pictures."""


def make_pair(tier: str, clips: int, seed: int, cue: str = "none", clutter: int = 0, size_px: int = 64) -> Pair:
    """Draw clips of a tier of `objects` (`make_objects`) in which all T + 5 centres lie inside both pictures.

    Both cameras are ones that the tier might have drawn. Raises `SamplingError` where hardly any path stays in view.
    """
    window = Window(frames=FRAMES, size_px=size_px)
    beside = partial(cameras_beside, seed=seed)
    drawn = make_objects(tier, clips, seed, window, cue, clutter, beside=beside)
    first = drawn.recipe
    cameras = beside(first.cameras, OBJECT_TIERS[tier].law.ranges)
    second = first.replace(
        seed=int(hashed(seed, _SECOND) >> np.uint64(1)),
        rotation=cameras.rotation,
        position=cameras.position,
        noise_seed=hashed(first.noise_seed, _SECOND),
    )
    return Pair(first, second, drawn.acceptance)


def cameras_beside(first: Cameras, tier: Tier, seed: int) -> Cameras:
    """Return a second camera for each, of the same ranges, `ANGLE_DEG` nearer to their middle or past it."""
    rng = np.random.default_rng((seed, _SECOND))
    x, y, _ = first.position.T
    n, middle = len(x), np.radians(tier.azimuth_deg.low + tier.azimuth_deg.high) / 2
    azimuth = np.arctan2(y, x)
    return look_at_origin(
        azimuth - np.copysign(np.radians(ANGLE_DEG.sample(rng, n)), azimuth - middle),
        np.radians(tier.elevation_deg.sample(rng, n)),
        tier.distance.sample(rng, n),
        first.focal_px,
        first.size_px,
    )
