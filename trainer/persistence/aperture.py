"""Where a bright thing is and how much light it gives, whatever its shape: aperture photometry (Stetson 1987).

In a circle that holds all of a thing, the sum of the light is its area and the centre of the light its centre of area,
wherever it lies between the pixels. A disc fitted to it is right for discs, and for other shapes off by a little that
changes from one part of a pixel to the next: along a track, that tells what shape a thing is of.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float32]
Rows = NDArray[np.intp]
BRIGHTNESS = 0.735
"""Of everything, above the background: the mean of all colours. To measure it, one would have to know the shape."""
STEPS = 3
START_PX = 2.5
"""Radius that is thought of first."""
SMALLEST_PX, LARGEST = 0.5, 0.08
"""Bounds of a radius: in pixels, and as a share of the picture's height."""
WANDER_PX = 2.0
"""A centre is at most so far from where it was sought, in x and in y."""
REACH, MARGIN_PX = 1.8, 1.0
"""An aperture is so many radii and so many pixels more. A triangle's corner is 1.56 radii from its centre; the rest is
for things darker than the mean, and for pixels that are covered in part."""


def light_of(pictures: Array, frame: Rows, place: Array) -> tuple[Array, Array]:
    """Return centre (N, 2) in px, and radius (N,) of the disc that gives as much light, of the things at `place` (N, 2)
    in pictures (T, H, W) of what is brighter than the background.
    """
    largest = LARGEST * pictures.shape[1]
    half = math.ceil(REACH * largest + MARGIN_PX)
    light, x, y = _windows(pictures, frame, place, half)
    pairs = _neighbours(frame, place, 2 * half)
    centre, radius = place, np.full(len(place), START_PX, np.float32)
    for _ in range(STEPS):
        across, down = x - centre[:, :1], y - centre[:, 1:]
        away = down[:, :, None] ** 2 + across[:, None, :] ** 2
        inside = away <= ((REACH * radius + MARGIN_PX) ** 2)[:, None, None]
        _give_to_neighbours(inside, across, down, centre, radius, pairs)
        held = light * inside
        columns, rows = held.sum(axis=1), held.sum(axis=2)
        total = np.maximum(columns.sum(axis=1), 1e-6)
        centre = np.stack([(columns * x).sum(axis=1), (rows * y).sum(axis=1)], axis=1) / total[:, None]
        centre = np.clip(centre, place - WANDER_PX, place + WANDER_PX)
        radius = np.clip(np.sqrt(total / (np.pi * BRIGHTNESS)), SMALLEST_PX, largest)
    return centre, radius


def _windows(pictures: Array, frame: Rows, place: Array, half: int) -> tuple[Array, Array, Array]:
    """Cut squares around the places, dark beyond the border: light (N, S, S), and x and y of its pixels, (N, S)."""
    padded = np.pad(pictures, ((0, 0), (half, half), (half, half)))
    side = 2 * half + 1
    column, row = np.floor(place).astype(np.intp).T
    light = sliding_window_view(padded, (side, side), axis=(1, 2))[frame, row, column]
    steps = np.arange(-half, half + 1) + 0.5
    x, y = ((first[:, None] + steps).astype(np.float32) for first in (column, row))
    return light, x, y


def _neighbours(frame: Rows, place: Array, reach: float) -> tuple[Rows, Rows]:
    """Return pairs of things of one frame that may share a pixel: one, ascending, and the other."""
    near = (np.abs(place[:, None] - place) < reach).all(axis=2) & (frame[:, None] == frame)
    np.fill_diagonal(near, False)
    one, other = np.nonzero(near)
    return one, other


def _give_to_neighbours(inside: NDArray[np.bool_], across: Array, down: Array, centre: Array, radius: Array,
                        pairs: tuple[Rows, Rows]) -> None:  # fmt: skip
    """Leave to each thing the pixels that are its own: those nearer to its rim than to that of another (power diagram,
    Aurenhammer 1987).
    """
    one, other = pairs
    if not len(one):
        return
    to = centre[other] - centre[one]
    limit = ((to**2).sum(axis=1) + radius[one] ** 2 - radius[other] ** 2) / 2
    along = to[:, 1:, None] * down[one][:, :, None] + to[:, :1, None] * across[one][:, None, :]
    rows, starts = np.unique(one, return_index=True)
    inside[rows] &= np.logical_and.reduceat(along <= limit[:, None, None], starts, axis=0)
