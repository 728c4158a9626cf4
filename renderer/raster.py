"""Anti-aliased sprites into uint8 video, by whole rows of a small patch around each centre.

Patches that lie inside the picture are stored as 64-bit words (an unaligned word is eight pixels of a row); the few
that cross its border go pixel by pixel.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Floats
from renderer.shapes import Shape, coverage, reach

Video = NDArray[np.uint8]
"""(n, T, 3, H, W)."""
Patches = NDArray[np.uint8]
"""(m, 3, p, p), or (m, 1, p, p) for coverage of 0..255."""
Index = NDArray[np.int64]
Blend = Literal["replace", "max", "over"]
"""`replace`: the patch replaces what was there, black corners included (right for an empty frame, and twice as fast).
`max`: the brighter of old and new stays. `over`: the sprite hides what is behind it, its edge lets it through.
"""
TRAIL_LENGTH = 8
TRAIL_FADE = 0.75
"""Brightness of each older dot of a trail, relative to the next newer one."""
_SMALLEST_SIDE_PX = 8
_PIXELS_AT_ONCE = 65536
"""Bounds the memory of one pass."""


def draw(out: Video, clip: Index, frame: Index, pixels: Floats, radius: Floats, colour: NDArray[np.uint8], *,
         shape: NDArray[np.integer] | None = None, blend: Blend = "replace") -> None:  # fmt: skip
    """Draw m sprites: sprite i into out[clip[i], frame[i]] with its centre at pixels[i] (x, y), all in pixels.

    `radius` (m,) is that of the disc of equal area, `colour` (m, 3) RGB, `shape` (m,) of `Shape`, spheres if None.
    `out` must be C-contiguous. At most one sprite a frame: call again for what comes on top. What lies outside the
    picture is cut off.
    """
    if not out.flags.c_contiguous:
        raise ValueError("the video buffer must be C-contiguous")
    if shape is None:
        shape = np.full(len(clip), Shape.SPHERE)
    side = _side_of(reach(shape, radius))
    for size in np.unique(side):
        chosen = np.flatnonzero(side == size)
        at_once = max(1, _PIXELS_AT_ONCE // size**2)
        for begin in range(0, len(chosen), at_once):
            rows = chosen[begin : begin + at_once]
            corner = np.floor(pixels[rows] + 0.5).astype(np.int64) - size // 2
            share = coverage(shape[rows], pixels[rows] - corner, radius[rows], int(size))
            alpha = np.rint(share * 255).astype(np.uint8)[:, None]
            _place(out, clip[rows], frame[rows], corner, alpha, colour[rows], blend)


def draw_discs(out: Video, clip: Index, frame: Index, pixels: Floats, radius: Floats, colour: NDArray[np.uint8],
               blend: bool = False) -> None:  # fmt: skip
    draw(out, clip, frame, pixels, radius, colour, blend="max" if blend else "replace")


def _side_of(half_px: Floats) -> Index:
    """Return the side of the patch that holds a sprite wherever in its middle pixel the centre is."""
    if not np.isfinite(half_px).all():
        raise ValueError("a sprite's radius must be a finite number of pixels")
    least = np.maximum(2 * half_px + 1, _SMALLEST_SIDE_PX)
    return np.asarray(2 ** np.ceil(np.log2(least)), np.int64)


def paint(alpha: Patches, colour: NDArray[np.uint8]) -> Patches:
    """Return coverage (m, 1, p, p) in the colours (m, 3): alpha * colour / 255, rounded."""
    return _divide_by_255(alpha * colour[:, :, None, None].astype(np.uint16))


def _divide_by_255(value: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Divide values up to 255^2 by 255 and round, exactly (Blinn 1995, "Three wrongs make a right")."""
    value += np.uint16(128)
    value += value >> np.uint16(8)
    return (value >> np.uint16(8)).astype(np.uint8)


def _blended(behind: Patches, alpha: Patches, colour: NDArray[np.uint8], blend: Blend) -> Patches:
    if blend == "replace":
        return paint(alpha, colour)
    if blend == "max":
        return np.maximum(behind, paint(alpha, colour))
    mixed = alpha * colour[:, :, None, None].astype(np.uint16)
    mixed += (255 - alpha) * behind.astype(np.uint16)
    return _divide_by_255(mixed)


def _place(
    out: Video, clip: Index, frame: Index, corner: Index, alpha: Patches, colour: NDArray[np.uint8], blend: Blend
) -> None:
    height, width = out.shape[3:]
    side = alpha.shape[-1]
    inside = ((corner >= 0) & (corner <= np.array([width - side, height - side]))).all(axis=1)
    _place_words(out, clip[inside], frame[inside], corner[inside], alpha[inside], colour[inside], blend)
    _place_pixels(out, clip[~inside], frame[~inside], corner[~inside], alpha[~inside], colour[~inside], blend)


def _place_words(
    out: Video, clip: Index, frame: Index, corner: Index, alpha: Patches, colour: NDArray[np.uint8], blend: Blend
) -> None:
    """Store patches that lie wholly inside, eight pixels at a time."""
    frames, channels, height, width = out.shape[1:]
    side = alpha.shape[-1]
    words = np.lib.stride_tricks.as_strided(out.reshape(-1)[:8].view(np.uint64), (out.size - 7,), (1,))
    start = ((clip * frames + frame) * channels * height + corner[:, 1]) * width + corner[:, 0]
    plane = np.arange(channels)[:, None, None] * height * width
    grid = plane + np.arange(side)[:, None] * width + np.arange(0, side, 8)
    index = start[:, None] + grid.reshape(1, -1)
    shape = (len(clip), channels, side, side)
    behind = words[index].view(np.uint8).reshape(shape) if blend != "replace" else alpha
    words[index] = _blended(behind, alpha, colour, blend).reshape(len(clip), 8 * index.shape[1]).view(np.uint64)


def _place_pixels(
    out: Video, clip: Index, frame: Index, corner: Index, alpha: Patches, colour: NDArray[np.uint8], blend: Blend
) -> None:
    """Store patches that may cross the border, pixel by pixel: the reference for `_place_words`."""
    frames, channels, height, width = out.shape[1:]
    side = np.arange(alpha.shape[-1])
    x, y = corner[:, 0, None] + side, corner[:, 1, None] + side
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
    start = (clip * frames + frame) * channels
    flat = out.reshape(-1)
    plane = (start[:, None] + np.arange(channels)) * height * width
    index = plane[:, :, None, None] + (y[:, None, :, None] * width + x[:, None, None, :])
    seen = np.broadcast_to(inside[:, None], index.shape)
    behind = flat[np.where(seen, index, 0)]
    flat[index[seen]] = _blended(behind, alpha, colour, blend)[seen]
