"""What a scene shows, exactly: boxes, visible shares and places of every object in every frame."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Floats
from renderer.patches import corners_within
from renderer.scenes import CLUTTER, SceneRecipe
from renderer.shapes import bounds, coverage, reach
from renderer.sprites import Sprites, sprites

COUNTS_FROM = 0.25
"""An object counts in a frame that shows at least this share of it; one that shows less is ignored."""
LEAST_SEEN_PX = 0.5 / 255
"""Less of an object than this, in pixels, is no grey level in any picture: it is not seen."""
_CLIPS_AT_ONCE = 256
_PIXELS_AT_ONCE = 1 << 19


@dataclass(frozen=True)
class Truth:
    """Of m objects in T frames, in the order of the recipe. Where nothing of an object is seen, its box is zero."""

    boxes: NDArray[np.float32]
    """Left, top, right, bottom in px: the object's full extent, hidden parts included, cut at the picture's border,
    (m, T, 4)."""
    visible: NDArray[np.float32]
    """Share of the object's area that is seen: drawn, in the picture and not hidden by nearer objects, (m, T)."""
    position: NDArray[np.float32]
    """In the camera frame, in workspace half-sides, also where it is not alive, (m, T, 3)."""
    counts: NDArray[np.bool_]
    """It is to be found in this frame. Clutter never counts, (m, T)."""
    ignored: NDArray[np.bool_]
    """Finding it is neither a hit nor a miss, (m, T)."""


def truth(recipe: SceneRecipe) -> Truth:
    """Return the truth of all clips. It follows from the recipe alone, as the pixels do."""
    starts = range(0, max(1, len(recipe)), _CLIPS_AT_ONCE)
    parts = [_truth(recipe.take(np.arange(start, min(start + _CLIPS_AT_ONCE, len(recipe))))) for start in starts]
    return Truth(**{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Truth)})


def _truth(recipe: SceneRecipe) -> Truth:
    size, shape = recipe.window.size_px, (len(recipe.clip), recipe.window.frames)
    drawn = sprites(recipe)
    extent = np.tile(drawn.pixels, 2) + bounds(recipe.shape[drawn.row], drawn.radius)
    seen = _visible(drawn, recipe, extent)
    boxes, visible = np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32)
    boxes[drawn.row, drawn.frame] = np.clip(extent, 0, size) * (seen > 0)[:, None]
    visible[drawn.row, drawn.frame] = seen
    is_object = (recipe.kind != CLUTTER)[:, None]
    counts = is_object & (visible >= COUNTS_FROM)
    position = recipe.camera_path(0, recipe.window.frames).astype(np.float32)
    return Truth(boxes, visible, position, counts, is_object & (visible > 0) & ~counts)


def _visible(drawn: Sprites, recipe: SceneRecipe, extent: Floats) -> Floats:
    """Return the visible share of each sprite, (k,). Only the few that something may cut are looked at by pixels."""
    hidden, hiding = _overlaps(drawn, extent)
    crossing = np.flatnonzero(((extent < 0) | (extent > recipe.window.size_px)).any(axis=1))
    chosen = np.union1d(crossing, hidden)
    share = np.ones(len(drawn.row))
    farthest = reach(recipe.shape[drawn.row[chosen]], drawn.radius[chosen]).max(initial=0)
    side = 2 * int(np.ceil(min(farthest, recipe.window.size_px))) + 2
    at_once = max(1, _PIXELS_AT_ONCE // side**2)
    for begin in range(0, len(chosen), at_once):
        rows = chosen[begin : begin + at_once]
        pairs = np.isin(hidden, rows)
        share[rows] = _share_of_patches(drawn, recipe, side, rows, hidden[pairs], hiding[pairs])
    return share


def _overlaps(drawn: Sprites, extent: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of sprites of one frame that may share a pixel: the farther ones, and for each a nearer one."""
    low, high = np.floor(extent[:, :2]), np.ceil(extent[:, 2:])
    hidden, hiding = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in range(1, int(drawn.layer.max(initial=0)) + 1):
        near = np.flatnonzero(drawn.layer >= step)
        far = near - step
        apart = (low[near] >= high[far]) | (low[far] >= high[near])
        touching = ~apart.any(axis=1)
        hidden.append(far[touching])
        hiding.append(near[touching])
    return np.concatenate(hidden), np.concatenate(hiding)


def _share_of_patches(drawn: Sprites, recipe: SceneRecipe, side: int, rows: NDArray[np.int64],
                      hidden: NDArray[np.int64], hiding: NDArray[np.int64]) -> Floats:  # fmt: skip
    """Return the visible shares of sprites `rows` (ascending) by the pixels of a patch around each."""
    shape = recipe.shape[drawn.row]
    corner, side = corners_within(recipe.window.size_px, drawn.pixels[rows], side)
    light = coverage(shape[rows], drawn.pixels[rows] - corner, drawn.radius[rows], side)
    patch = np.searchsorted(rows, hidden)
    over = coverage(shape[hiding], drawn.pixels[hiding] - corner[patch], drawn.radius[hiding], side)
    np.multiply.at(light, patch, 1 - over)
    area = np.pi * drawn.radius[rows] ** 2
    seen = light.sum(axis=(1, 2), dtype=np.float64)
    return np.where(seen < LEAST_SEEN_PX, 0.0, np.minimum(seen / area, 1.0))
