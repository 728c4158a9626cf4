"""What is drawn where: the objects of a scene, frame by frame, from far to near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderer.camera import check_in_front
from renderer.motion import Floats, Motion
from renderer.streams import normal

if TYPE_CHECKING:
    from renderer.scenes import SceneRecipe


@dataclass(frozen=True)
class Sprites:
    """k drawn objects, ordered by clip, frame and depth, the farthest first."""

    row: NDArray[np.int64]
    """Row of the object in the recipe, (k,)."""
    frame: NDArray[np.int64]
    """(k,)."""
    pixels: Floats
    """Centre in the picture, jitter included, (k, 2)."""
    radius: Floats
    """Of the disc of equal area, in pixels, (k,)."""
    layer: NDArray[np.int64]
    """Number of sprites of the same frame that are farther away, (k,)."""


def sprites(recipe: SceneRecipe) -> Sprites:
    """Return every sprite of every clip. Jitter follows from the object's identity: no selection changes it.

    Raises `RendererError` where a drawn object is behind its camera, or around it.
    """
    row, frame = np.nonzero(recipe.is_drawn)
    world = Motion.from_array(recipe.motion[row].astype(np.float64)).positions(recipe.window.times_s[frame][:, None])
    cameras = recipe.cameras.of(recipe.clip[row])
    camera = cameras.to_camera(world)
    depth, size = camera[:, 0, 2], recipe.radius[row].astype(np.float64)
    check_in_front(camera[:, 0], size)
    jitter = normal(recipe.seed, recipe.identity[row, None], frame[:, None], np.arange(2))
    pixels = cameras.project(camera)[:, 0] + recipe.jitter_px[row, None] * jitter
    radius = recipe.focal_px * size / depth
    order = np.lexsort((-depth, frame, recipe.clip[row]))
    layer = _place_in_group((recipe.clip[row] * recipe.window.frames + frame)[order])
    return Sprites(row[order], frame[order], pixels[order], radius[order], layer)


def _place_in_group(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many earlier items of an ascending key equal each item."""
    return np.arange(len(key)) - np.searchsorted(key, key)
