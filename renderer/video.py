"""From recipe to pixels: `render` draws the T seen frames, and only those."""

from __future__ import annotations

import numpy as np

from renderer.noise import add_noise
from renderer.raster import Video
from renderer.recipe import Recipe

_CLIPS_AT_ONCE = 256
"""Bounds the memory of the geometry; the pixels are made in smaller parts."""


def render(recipe: Recipe, out: Video | None = None) -> Video:
    """Return the clips as (n, T, 3, H, W) uint8, drawn into `out` if given (reuse it: fresh memory costs more
    than drawing). The frames to forecast are never computed, so no pixel can depend on them.
    """
    shape = (len(recipe), recipe.window.frames, 3, recipe.window.size_px, recipe.window.size_px)
    if out is None:
        out = np.empty(shape, np.uint8)
    if out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"the buffer must be a C-contiguous uint8 array of shape {shape}, not {out.dtype} {out.shape}")
    for begin in range(0, len(recipe), _CLIPS_AT_ONCE):
        video = out[begin : begin + _CLIPS_AT_ONCE]
        part = recipe if len(video) == len(recipe) else recipe.take(np.arange(begin, begin + len(video)))
        part.draw(video)
        for clip, sigma, seed in zip(video, part.noise_sigma.tolist(), part.noise_seed.tolist(), strict=True):
            add_noise(clip, sigma, seed, recipe.noise)
    return out
