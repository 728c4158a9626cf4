"""Sprite shapes and how much of each pixel they cover: exact areas, the reference for every fast path.

The coverage of a pixel is the area of the shape inside it. With C(x, y) the area of the shape left of x and above y,
a pixel's coverage is the second difference of C over its four corners; C has a closed form for a disc and for any
polygon. All shapes of one radius r have the area pi r^2, so brightness says nothing about shape, and their centre of
area is the given centre.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Floats


class Shape(IntEnum):
    """What a sprite looks like."""

    SPHERE = 0
    SQUARE = 1
    TRIANGLE = 2
    STAR = 3


Shapes = NDArray[np.integer]
"""`Shape`, (m,)."""


def _ring(angles_deg: Floats, radii: Floats) -> Floats:
    """Return the outline (k, 2) through points at the given angles from the vertical, scaled to the area pi."""
    angle = np.radians(angles_deg)
    x, y = radii * np.sin(angle), -radii * np.cos(angle)
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    return np.asarray(np.round(np.stack([x, y], axis=1) * np.sqrt(np.pi / area), 12), np.float64)


OUTLINES = {
    Shape.SQUARE: _ring(np.arange(45.0, 360, 90), np.ones(4)),
    Shape.TRIANGLE: _ring(np.arange(0.0, 360, 120), np.ones(3)),
    Shape.STAR: _ring(np.arange(0.0, 360, 36), np.tile([1.0, 0.5], 5)),
}
"""Clockwise outlines (k, 2) of radius 1, x right and y down, about the centre of area."""

_BOXES = np.array([[-1, -1, 1, 1], *([*line.min(axis=0), *line.max(axis=0)] for line in OUTLINES.values())])
_REACHES = np.abs(_BOXES).max(axis=1)


def bounds(shape: Shapes, radius: Floats) -> Floats:
    """Return the boxes (m, 4) of shapes (m,) about their centre in px: left, top (both negative), right, bottom.

    A triangle or star is not symmetric about its centre of area.
    """
    return np.asarray(_BOXES[shape] * np.asarray(radius)[:, None], np.float64)


def reach(shape: Shapes, radius: Floats) -> Floats:
    """Return the farthest that shapes (m,) reach from their centre along an axis, (m,)."""
    return np.asarray(_REACHES[shape] * radius, np.float64)


def coverage(shape: Shapes, offset_px: Floats, radius_px: Floats, side: int) -> NDArray[np.float32]:
    """Return the covered share (m, side, side) of each pixel of m patches.

    Shape i of `radius_px[i]` has its centre at `offset_px[i]` (x, y) from the patch's top-left corner; what lies
    outside the patch is cut off.
    """
    covered = np.empty((len(shape), side, side), np.float32)
    for kind in np.unique(shape):
        rows = np.flatnonzero(shape == kind)
        scale = radius_px[rows, None]
        x, y = ((np.arange(side + 1) - offset_px[rows, axis, None]) / scale for axis in (0, 1))
        area = cumulated_area(Shape(kind))(x, y) * scale[:, :, None] ** 2
        covered[rows] = np.diff(np.diff(area, axis=1), axis=2)
    return np.clip(covered, 0, 1, out=covered)


def cumulated_area(shape: Shape) -> Callable[[Floats, Floats], Floats]:
    """Return C: for columns x (m, k) and rows y (m, j), the area (m, j, k) of radius 1 left of x and above y."""
    return _disc if shape == Shape.SPHERE else lambda x, y: _polygon(OUTLINES[shape], x, y)


def _half_disc(x: Floats) -> Floats:
    """Area of the upper half of the unit disc left of x; rises with x."""
    return np.asarray((x * np.sqrt(1 - x * x) + np.arcsin(x)) / 2 + np.pi / 4, np.float64)


def _disc(x: Floats, y: Floats) -> Floats:
    x, y = np.clip(x, -1, 1), np.clip(y, -1, 1)
    wide = np.sqrt(1 - y * y)[:, :, None]
    left, right, part = _half_disc(-wide), _half_disc(wide), _half_disc(x)[:, None]
    y = y[:, :, None]
    cap = np.clip(part, left, right) - left - np.abs(y) * (np.clip(x[:, None], -wide, wide) + wide)
    return np.where(y < 0, cap, 2 * part - cap)


def _polygon(outline: Floats, x: Floats, y: Floats) -> Floats:
    """Sum over the edges of the signed area between an edge and the row y, below the edge (Green's theorem)."""
    total = np.zeros((len(x), y.shape[1], x.shape[1]))
    y = y[:, :, None]
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if x0 == x1:
            continue
        end = np.clip(x, min(x0, x1), max(x0, x1))[:, None]
        start = min(x0, x1)
        at_start, slope = (y0 if x0 < x1 else y1), (y1 - y0) / (x1 - x0)
        near, far = np.maximum(y - at_start, 0), np.maximum(y - at_start - slope * (end - start), 0)
        area = near * (end - start) if slope == 0 else (near * near - far * far) / (2 * slope)
        total += area if x0 < x1 else -area
    return total
