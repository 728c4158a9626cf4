"""One sphere a frame in many clips at once, as a dot or with its fading past: the fast path of `raster.draw`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderer.atlas import LEAST_RADIUS_PX, SIDES_PX
from renderer.motion import Floats
from renderer.patches import cut_to_picture, patches, sides
from renderer.raster import (
    PIXELS_AT_ONCE,
    Colours,
    Index,
    Video,
    by_size,
    check,
    in_256ths,
    place,
    starts,
    to_bytes,
    words,
)
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
    if len(clips) == 0:
        return
    check(out, pixels, radius)
    frames = radius.shape[1]
    side = sides(np.full(radius.shape, Shape.SPHERE), radius)
    common = max(SIDES_PX, key=lambda known: np.count_nonzero(side == known))
    at_once = max(1, PIXELS_AT_ONCE // (common**2 * frames))
    for begin in range(0, len(clips), at_once):
        part = slice(begin, begin + at_once)
        _draw_common(out, clips[part], pixels[part], radius[part], colour[part], length, side[part] == common, common)
    if (side != common).any():
        _draw_others(out, clips, pixels, radius, colour, length, side != common)


def _draw_others(out: Video, clips: Index, pixels: Floats, radius: Floats, colour: Colours, length: int,
                 chosen: NDArray[np.bool_]) -> None:  # fmt: skip
    """Draw the `chosen` spheres (k, T) of any size on top of the others."""
    row, frame = np.nonzero(chosen)
    for part, corner, alpha in by_size(out, np.full(len(row), Shape.SPHERE), pixels[chosen], radius[chosen]):
        for age in range(min(length, out.shape[1])):
            seen = np.flatnonzero(frame[part] < out.shape[1] - age)
            of, at = row[part][seen], frame[part][seen] + age
            place(out, clips[of], at, corner[seen], alpha[seen], faded(colour[of], age), "max")


def faded(colour: Colours, age: ArrayLike) -> Colours:
    """Return the colour of a dot that is `age` frames old."""
    return np.rint(colour * TRAIL_FADE ** np.asarray(age)).astype(np.uint8)


def _draw_common(out: Video, clips: Index, pixels: Floats, radius: Floats, colour: Colours, length: int,
                 chosen: NDArray[np.bool_], side: int) -> None:  # fmt: skip
    """Draw the `chosen` spheres (k, T), whose patches have one side: blank a few clips, draw age after age, go on.

    Those not chosen are drawn as nothing, so that everything is one array of clips by frames.
    """
    count, frames = radius.shape
    known = np.where(chosen, radius, LEAST_RADIUS_PX).reshape(-1)
    corner, alpha = patches(np.full(len(known), Shape.SPHERE), pixels.reshape(-1, 2), known, side, max(out.shape[3:]))
    alpha[~chosen.reshape(-1)] = 0
    corner, alpha = cut_to_picture(corner, alpha, *out.shape[3:])
    at, frame_bytes = words(out, alpha), out[0, 0].size
    start = starts(out, clips[:, None], np.arange(frames), corner.reshape(count, frames, 2))
    share = in_256ths(alpha).reshape(count, frames, 1, *alpha.shape[1:])
    shade = faded(colour, np.arange(min(length, frames))[:, None, None]).astype(np.uint16)
    at_once = max(1, _VIDEO_AT_ONCE // (frames * frame_bytes))
    for begin in range(0, count, at_once):
        part = slice(begin, begin + at_once)
        dots = to_bytes(share[part] * shade[:, part, None, :, None, None])
        out[clips[part]] = 0
        at[start[part]] = dots[0].view(at.dtype)
        for age in range(1, len(dots)):
            later = start[part, :-age] + age * frame_bytes
            at[later] = np.maximum(at[later].view(np.uint8), dots[age, :, :-age]).view(at.dtype)
