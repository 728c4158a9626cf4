"""Anti-aliased discs into uint8 video, by whole rows of a small patch around each centre.

A disc's coverage falls from 1 to 0 over one pixel: clip(r' + 1/2 - d, 0, 1) at distance d from the centre. The area
of that profile is pi (r'^2 + 1/12), so r' = sqrt(r^2 - 1/12) makes it the area of the true disc. Patches that lie
inside the picture are stored as 64-bit words (an unaligned word is eight pixels of a row); the few that cross its
border go pixel by pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Floats

Video = NDArray[np.uint8]
"""(n, T, 3, H, W)."""
Patches = NDArray[np.uint8]
"""(m, 3, p, p)."""
PATCH_SIDES_PX = (8, 16, 32, 64)
TRAIL_LENGTH = 8
TRAIL_FADE = 0.75
"""Brightness of each older dot of a trail, relative to the next newer one."""
_CHUNK = 1024


def coverage(offset_px: Floats, radius_px: Floats, side: int) -> NDArray[np.float32]:
    """Return disc coverage (m, side, side) for centres at `offset_px` (m, 2) from the patch's top-left corner."""
    edge = np.sqrt(np.maximum(radius_px**2 - 1 / 12, 0)).astype(np.float32) + np.float32(0.5)
    centres = np.arange(side, dtype=np.float32) + np.float32(0.5)
    across = (centres - offset_px[:, 0:1].astype(np.float32)) ** 2
    down = (centres - offset_px[:, 1:2].astype(np.float32)) ** 2
    distance = np.sqrt(down[:, :, None] + across[:, None, :])
    return np.clip(edge[:, None, None] - distance, 0, 1, out=distance)


def paint(shape: NDArray[np.float32], colour: NDArray[np.uint8]) -> Patches:
    """Return coverage (m, p, p) in the colours (m, 3), rounded."""
    value = shape[:, None] * colour[:, :, None, None].astype(np.float32)
    value += np.float32(0.5)
    return value.astype(np.uint8)


def draw_discs(out: Video, clip: NDArray[np.int64], frame: NDArray[np.int64], pixels: Floats, radius: Floats,
               colour: NDArray[np.uint8], blend: bool = False) -> None:  # fmt: skip
    """Draw m discs: disc i into out[clip[i], frame[i]] at pixels[i] (x, y) with radius[i], all in pixels.

    `out` must be C-contiguous. With `blend` the brighter of old and new stays, otherwise the patch replaces what was
    there (right for an empty frame, and twice as fast).
    """
    if not out.flags.c_contiguous:
        raise ValueError("the video buffer must be C-contiguous")
    need = 2 * np.ceil(radius + 0.5) + 1
    lower = 0
    for side in PATCH_SIDES_PX:
        chosen = np.flatnonzero((need > lower) & ((need <= side) | (side == PATCH_SIDES_PX[-1])))
        lower = side
        for begin in range(0, len(chosen), _CHUNK):
            rows = chosen[begin : begin + _CHUNK]
            corner = np.floor(pixels[rows]).astype(np.int64) - (side // 2 - 1)
            patches = paint(coverage(pixels[rows] - corner, radius[rows], side), colour[rows])
            _place(out, clip[rows], frame[rows], corner, patches, blend)


def _place(out: Video, clip: NDArray, frame: NDArray, corner: NDArray, patches: Patches, blend: bool) -> None:
    height, width = out.shape[3:]
    side = patches.shape[-1]
    inside = ((corner >= 0) & (corner <= np.array([width - side, height - side]))).all(axis=1)
    _place_words(out, clip[inside], frame[inside], corner[inside], patches[inside], blend)
    _place_pixels(out, clip[~inside], frame[~inside], corner[~inside], patches[~inside], blend)


def _place_words(out: Video, clip: NDArray, frame: NDArray, corner: NDArray, patches: Patches, blend: bool) -> None:
    """Store patches that lie wholly inside, eight pixels at a time."""
    frames, channels, height, width = out.shape[1:]
    side = patches.shape[-1]
    words = np.lib.stride_tricks.as_strided(out.reshape(-1)[:8].view(np.uint64), (out.size - 7,), (1,))
    start = ((clip * frames + frame) * channels * height + corner[:, 1]) * width + corner[:, 0]
    plane = np.arange(channels)[:, None, None] * height * width
    grid = plane + np.arange(side)[:, None] * width + np.arange(0, side, 8)
    index = start[:, None] + grid.reshape(1, -1)
    value = patches.reshape(len(patches), -1)
    if blend:
        value = np.maximum(value, words[index].view(np.uint8))
    words[index] = value.view(np.uint64)


def _place_pixels(out: Video, clip: NDArray, frame: NDArray, corner: NDArray, patches: Patches, blend: bool) -> None:
    """Store patches that may cross the border, pixel by pixel: the reference for `_place_words`."""
    height, width = out.shape[3:]
    side = np.arange(patches.shape[-1])
    for row in range(len(patches)):
        x, y = corner[row, 0] + side, corner[row, 1] + side
        x_in, y_in = (x >= 0) & (x < width), (y >= 0) & (y < height)
        if not (x_in.any() and y_in.any()):
            continue
        target = out[clip[row], frame[row]][:, y[y_in][0] : y[y_in][-1] + 1, x[x_in][0] : x[x_in][-1] + 1]
        patch = patches[row][:, y_in][:, :, x_in]
        target[...] = np.maximum(target, patch) if blend else patch
