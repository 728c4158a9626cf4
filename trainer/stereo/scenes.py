"""Clips that two cameras see, tracked in both views, with what is true of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from renderer.scenes import CLUTTER
from renderer.stereo import Pair
from trainer.objects.detecting import Finder
from trainer.objects.object_data import clips_of
from trainer.objects.persistence_curve import Clip
from trainer.objects.sightings import PATCH_SIDE
from trainer.stereo.camera import Camera, Floats

_OTHER_VIEW = 1 << 32
"""Added to the seed, it is that of the flaws of the second camera's boxes."""


@dataclass(frozen=True)
class Scene:
    """One clip. Its objects have the same rows in both views."""

    views: tuple[Clip, Clip]
    cameras: tuple[Camera, Camera]
    world: Floats
    """True positions of the objects, (m, T, 3)."""
    radius: float
    """Of every object, in half-sides."""


def scenes_of(pair: Pair, boxes: str, seed: int, finder: Finder | None = None, side: int = PATCH_SIDE,
              tick: Callable[[], None] = lambda: None) -> list[Scene]:  # fmt: skip
    """Return the clips of a pair through true boxes, true boxes spoiled, or those that a detector finds."""
    recipes = (pair.first, pair.second)
    views = [
        clips_of(one, boxes, seed + number * _OTHER_VIEW, side, finder, tick) for number, one in enumerate(recipes)
    ]
    real = pair.first.kind != CLUTTER
    world = pair.first.world_path(0, pair.first.window.frames)[real]
    parts = np.split(world, np.searchsorted(pair.first.clip[real], np.arange(1, len(pair.first))))
    return [
        Scene((one, other), _cameras(pair, row), own, float(pair.first.radius[0]))
        for row, (one, other, own) in enumerate(zip(*views, parts, strict=True))
    ]


def _cameras(pair: Pair, row: int) -> tuple[Camera, Camera]:
    return Camera.of(pair.first.cameras, row), Camera.of(pair.second.cameras, row)
