"""Anti-aliased sprites into uint8 video, by whole rows of a small patch around each centre.

A row of a patch is stored as 64-bit words: an unaligned word is eight pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from renderer.atlas import Alpha
from renderer.motion import Floats
from renderer.patches import Corners, cut_to_picture, patches, sides
from renderer.shapes import Shape, Shapes

Video = NDArray[np.uint8]
"""(n, T, 3, H, W)."""
Index = NDArray[np.int64]
Colours = NDArray[np.uint8]
"""RGB, (m, 3)."""
Blend = Literal["replace", "max", "over"]
"""`replace`: the patch replaces what was there, black corners included (right for a black frame). `max`: the brighter
of old and new stays. `over`: the sprite hides what is behind it, its edge lets it through.
"""
PIXELS_AT_ONCE = 1 << 16
"""Pixels of the patches of one pass: bounds its memory, and keeps it in cache."""


def draw(out: Video, clip: Index, frame: Index, pixels: Floats, radius: Floats, colour: Colours, *,
         shape: Shapes | None = None, blend: Blend = "replace") -> None:  # fmt: skip
    """Draw m sprites: sprite i into out[clip[i], frame[i]] with its centre at pixels[i] (x, y), all in pixels.

    `radius` (m,) is that of the disc of equal area, `colour` (m, 3) RGB, `shape` (m,) of `Shape`, spheres if None.
    At most one sprite a frame: call again for what comes on top. What lies outside the picture is cut off. Raises
    `ValueError` for a buffer that is not C-contiguous, for places that are no numbers, for radii out of all proportion.
    """
    check(out, pixels, radius)
    kind = np.full(len(radius), Shape.SPHERE) if shape is None else shape.astype(np.int64)
    for rows, corner, alpha in by_size(out, kind, pixels, radius):
        place(out, clip[rows], frame[rows], corner, alpha, colour[rows], blend)


def by_size(out: Video, shape: Shapes, pixels: Floats, radius: Floats) -> Iterator[tuple[Index, Corners, Alpha]]:
    """Yield the sprites with patches of one size, so many at a time: their rows, corners inside `out`, coverage."""
    side = sides(shape, radius)
    for size in np.unique(side).tolist():
        alike = np.flatnonzero(side == size)
        at_once = max(1, PIXELS_AT_ONCE // size**2)
        for begin in range(0, len(alike), at_once):
            rows = alike[begin : begin + at_once]
            corner, alpha = patches(shape[rows], pixels[rows], radius[rows], size, max(out.shape[3:]))
            yield rows, *cut_to_picture(corner, alpha, *out.shape[3:])


def place(out: Video, clip: Index, frame: Index, corner: Corners, alpha: Alpha, colour: Colours, blend: Blend) -> None:
    """Store m patches of one size."""
    at, start = words(out, alpha), starts(out, clip, frame, corner)
    behind = None if blend == "replace" else at[start].view(np.uint8)
    at[start] = blended(behind, alpha, colour, blend).view(at.dtype)


def check(out: Video, pixels: Floats, radius: Floats) -> None:
    """Refuse what cannot be drawn. Raises `ValueError`."""
    if not out.flags.c_contiguous:
        raise ValueError("the video buffer must be C-contiguous")
    largest = 4 * max(out.shape[3:])
    if not (np.isfinite(pixels).all() and (radius > 0).all() and (radius <= largest).all()):
        raise ValueError(f"a sprite needs a finite place, and a radius above 0 and up to {largest} px")


def words(out: Video, alpha: Alpha) -> NDArray[np.generic]:
    """Return the video as patches of the size of `alpha`: item k (3, rows, words a row) starts at byte k."""
    height, width = out.shape[3:]
    rows, columns = alpha.shape[1:]
    word = np.dtype(np.uint8 if columns % 8 else np.uint64)
    count = out.size - (2 * height + rows - 1) * width - columns + 1
    shape, steps = (count, 3, rows, columns // word.itemsize), (1, height * width, width, word.itemsize)
    return np.ndarray(shape, word, out.reshape(-1), strides=steps)


def starts(out: Video, clip: Index, frame: Index, corner: Corners) -> Index:
    """Return the bytes at which patches start."""
    height, width = out.shape[3:]
    return np.asarray(((clip * out.shape[1] + frame) * 3 * height + corner[..., 1]) * width + corner[..., 0], np.int64)


def blended(
    behind: NDArray[np.uint8] | None, alpha: Alpha, colour: Colours, blend: Blend = "replace"
) -> NDArray[np.uint8]:
    """Return what m patches (m, 3, rows, columns) look like: coverage in the colours (m, 3), before `behind`."""
    share = in_256ths(alpha)[:, None]
    value = share * colour[:, :, None, None].astype(np.uint16)
    if behind is None:
        return to_bytes(value)
    if blend == "max":
        return np.maximum(behind, to_bytes(value))
    value += (256 - share) * behind
    return to_bytes(value)


def in_256ths(alpha: Alpha) -> NDArray[np.uint16]:
    """Return coverage in 256ths, by which a byte is multiplied and shifted instead of divided; 255 is all: 256."""
    share = alpha.astype(np.uint16)
    share += share >> np.uint16(7)
    return share


def to_bytes(value: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return value / 256, rounded; `value` is lost."""
    value += np.uint16(128)
    value >>= np.uint16(8)
    return value.astype(np.uint8)
