"""From recipe to pixels: `render` draws the T seen frames, and only those."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.noise import add_noise
from renderer.raster import TRAIL_FADE, TRAIL_LENGTH, Video, draw_discs
from renderer.recipe import STYLES, Recipe

_CLIPS_AT_ONCE = 64
"""Bounds the memory of one pass, and keeps it in cache."""


def render(recipe: Recipe, out: Video | None = None) -> Video:
    """Return the clips as (n, T, 3, H, W) uint8, drawn into `out` if given (reuse it: fresh memory costs more
    than drawing). The frames to forecast are never computed, so no pixel can depend on them.
    """
    shape = (len(recipe), recipe.window.frames, 3, recipe.window.size_px, recipe.window.size_px)
    if out is None:
        out = np.empty(shape, np.uint8)
    if out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"the buffer must be a C-contiguous uint8 array of shape {shape}, not {out.dtype} {out.shape}")
    out.fill(0)
    for begin in range(0, len(recipe), _CLIPS_AT_ONCE):
        rows = np.arange(begin, min(begin + _CLIPS_AT_ONCE, len(recipe)))
        _draw(recipe.take(rows), out[begin : begin + len(rows)])
    for row in range(len(recipe)):
        add_noise(out[row], float(recipe.noise_sigma[row]), int(recipe.noise_seed[row]))
    return out


def _draw(recipe: Recipe, out: Video) -> None:
    camera = recipe.camera_path(0, recipe.window.frames)
    pixels = recipe.cameras.project(camera)
    radius = recipe.focal_px * recipe.sphere_radius / camera[..., 2]
    trail = recipe.style == STYLES.index("trail")
    _layer(out, np.flatnonzero(~trail), 0, pixels, radius, recipe.colour, blend=False)
    for age in range(min(TRAIL_LENGTH, recipe.window.frames)):
        faded = np.rint(recipe.colour * TRAIL_FADE**age).astype(np.uint8)
        _layer(out, np.flatnonzero(trail), age, pixels, radius, faded, blend=True)


def _layer(out: Video, clips: NDArray[np.int64], age: int, pixels: NDArray, radius: NDArray, colour: NDArray,
           blend: bool) -> None:  # fmt: skip
    """Draw each chosen clip's sphere as it was `age` frames ago into all frames that had seen it."""
    if len(clips) == 0:
        return
    seen = pixels.shape[1] - age
    clip = np.repeat(clips, seen)
    frame = np.tile(np.arange(age, pixels.shape[1]), len(clips))
    draw_discs(out, clip, frame, pixels[clip, frame - age], radius[clip, frame - age], colour[clip], blend)
