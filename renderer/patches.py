"""From a sprite's place and radius to the square of pixels that it touches, and how much it covers of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.atlas import LEAST_RADIUS_PX, SIDES_PX, Alpha, atlas
from renderer.motion import Floats
from renderer.shapes import Shapes, coverage, reach

Corners = NDArray[np.int64]
"""Top-left pixels of patches, (x, y), which may lie outside the picture, (m, 2)."""
_FAR_PX = 1e6


def sides(shape: Shapes, radius: Floats) -> NDArray[np.int64]:
    """Return the sides (m,), powers of two, of patches that hold sprites wherever in a pixel their centres lie."""
    return np.left_shift(1, np.frexp(np.maximum(2 * reach(shape, radius) + 1, SIDES_PX[0] / 2))[1].astype(np.int64))


def patches(shape: Shapes, pixels: Floats, radius: Floats, side: int, picture: int) -> tuple[Corners, Alpha]:
    """Return corners and coverage of m sprites in patches of one side, at least that of `sides`.

    Without a table, nothing is computed that lies outside a square picture of side `picture`.
    """
    pixels = np.clip(pixels, -_FAR_PX, _FAR_PX)
    if side not in SIDES_PX:
        corner, side = corners_within(picture, pixels, side)
        return corner, _exact(shape, pixels - corner, radius, side)
    table = atlas(side)
    place, phase = np.divmod(np.rint(pixels * table.steps).astype(np.int64) + table.steps // 2, table.steps)
    corner, alpha = place - side // 2, table.alpha(shape, np.maximum(radius, LEAST_RADIUS_PX), phase)
    tiny = np.flatnonzero(radius < LEAST_RADIUS_PX)
    if len(tiny):
        alpha[tiny] = _exact(shape[tiny], pixels[tiny] - corner[tiny], radius[tiny], side)
    return corner, alpha


def corners_within(picture: int, pixels: Floats, side: int) -> tuple[Corners, int]:
    """Return corners of patches around `pixels` that are moved into a picture, and their side, at most its own."""
    corner = np.floor(pixels + 0.5).astype(np.int64) - side // 2
    side = min(side, picture)
    return np.clip(corner, 0, picture - side), side


def _exact(shape: Shapes, offset: Floats, radius: Floats, side: int) -> Alpha:
    return np.rint(coverage(shape, offset, radius, side) * 255).astype(np.uint8)


def cut_to_picture(corner: Corners, alpha: Alpha, height: int, width: int) -> tuple[Corners, Alpha]:
    """Return patches that lie inside the picture: one that crosses the border is moved in and its sprite moved back.

    Patches larger than the picture come back as small as that.
    """
    side = alpha.shape[-1]
    rows, columns = min(side, height), min(side, width)
    inside = np.clip(corner, 0, (width - columns, height - rows))
    cut = alpha[:, :rows, :columns]
    moved = np.flatnonzero((corner != inside).any(axis=1) | (cut.shape != alpha.shape))
    if len(moved):
        around = np.zeros((len(moved), 3 * side, 3 * side), np.uint8)
        around[:, side:-side, side:-side] = alpha[moved]
        x, y = side + np.clip(inside - corner, -side, side)[moved].T
        windows = np.lib.stride_tricks.sliding_window_view(around, (rows, columns), axis=(1, 2))
        cut[moved] = windows[np.arange(len(moved)), y, x]
    return inside, cut
