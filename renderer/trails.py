"""One sphere a frame in many clips at once, as a dot or with its fading past: the fast path of `raster.draw`."""

from __future__ import annotations

import numpy as np

from renderer.motion import Floats
from renderer.patches import cut_to_picture, patches, sides
from renderer.raster import PIXELS_AT_ONCE, Colours, Index, Video, check, in_256ths, starts, to_bytes, words
from renderer.shapes import Shape

TRAIL_LENGTH = 8
TRAIL_FADE = 0.75
"""Brightness of each older dot of a trail, relative to the next newer one."""
_VIDEO_AT_ONCE = 3 << 19
"""Bytes of video that are blanked, then drawn into while they are in the processor's second cache."""


def draw_trails(
    out: Video, clips: Index, pixels: Floats, radius: Floats, colour: Colours, length: int = TRAIL_LENGTH
) -> None:
    """Draw into out[clips[i], t], whatever it held, a sphere at pixels[i, t] and its last `length` - 1 places.

    `clips` (k,), `pixels` (k, T, 2), `radius` (k, T), `colour` (k, 3). Older dots are darker, and the brightest stays.
    It is what `draw` with `max`, once for every age, makes of black frames. Raises `ValueError` as `draw` does.
    """
    check(out, pixels, radius)
    if len(clips) == 0:
        return
    side = sides(np.full(radius.shape, Shape.SPHERE), radius).max(axis=1)
    for size in sorted(set(side.tolist())):
        alike = np.flatnonzero(side == size)
        at_once = max(1, PIXELS_AT_ONCE // (size**2 * out.shape[1]))
        for begin in range(0, len(alike), at_once):
            rows = alike[begin : begin + at_once]
            _draw_alike(out, clips[rows], pixels[rows], radius[rows], colour[rows], length, size)


def _draw_alike(
    out: Video, clips: Index, pixels: Floats, radius: Floats, colour: Colours, length: int, side: int
) -> None:
    """Draw clips whose patches have one side: blank a few and draw age after age into them, then the next few."""
    count, frames = radius.shape
    flat = radius.reshape(-1)
    patch = patches(np.full(len(flat), Shape.SPHERE), pixels.reshape(-1, 2), flat, side)
    corner, alpha = cut_to_picture(*patch, *out.shape[3:])
    at, frame_bytes = words(out, alpha), out[0, 0].size
    start = starts(out, clips[:, None], np.arange(frames), corner.reshape(count, frames, 2))
    share = in_256ths(alpha).reshape(count, frames, 1, *alpha.shape[1:])
    faded = np.rint(colour * TRAIL_FADE ** np.arange(min(length, frames))[:, None, None]).astype(np.uint16)
    at_once = max(1, _VIDEO_AT_ONCE // (frames * frame_bytes))
    for begin in range(0, count, at_once):
        block = slice(begin, begin + at_once)
        dots = to_bytes(share[block] * faded[:, block, None, :, None, None])
        out[clips[block]] = 0
        at[start[block]] = dots[0].view(at.dtype)
        for age in range(1, len(dots)):
            later = start[block, :-age] + age * frame_bytes
            at[later] = np.maximum(at[later].view(np.uint8), dots[age, :, :-age]).view(at.dtype)
