"""What pixels alone tell of a clip: where its object is, whether anything moves, whether it sticks to the border."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Video = NDArray[np.uint8]
"""(n, T, 3, H, W)."""

BLOCK_PX = 4
_SPARSE = 3
"""Medians are taken over every third row and column."""
BORDER = 0.15
"""Share of the picture's side in which a stuck object counts as stuck at the border."""
STUCK_STEPS = 3
_REST_PX, _JERK_PX = 0.15, 0.75
"""A stuck coordinate changes by less than the first a frame, right after or before a step above the second. A smooth
path cannot: its steps change little from frame to frame, so that none is so large beside three so small.
"""


def blocks(video: Video, block_px: int = BLOCK_PX) -> NDArray[np.float32]:
    """Return mean brightness of square blocks, (n, T, 3, H // block_px, W // block_px); noise is all but gone.

    Strided views added one by one are many times as fast as a mean over two small axes.
    """
    side = video.shape[-1] // block_px * block_px
    wide: Any = np.uint16 if 255 * block_px**2 < 2**16 else np.uint32
    rows = video[..., :side:block_px, :side].astype(wide)
    for row in range(1, block_px):
        rows += video[..., row:side:block_px, :side]
    total = rows[..., ::block_px].copy()
    for column in range(1, block_px):
        total += rows[..., column::block_px]
    return (total / block_px**2).astype(np.float32)


def noise_level(video: Video) -> NDArray[np.float64]:
    """Return the standard deviation of the noise in grey levels, (n,), from what changes where nothing moves."""
    changes = np.diff(video[:, :, 0, ::_SPARSE, ::_SPARSE].astype(np.int16), axis=1)
    return np.asarray(1.48 * np.median(np.abs(changes).reshape(len(video), -1), axis=1) / np.sqrt(2))


def static(video: Video) -> NDArray[np.bool_]:
    """Return for each clip whether nothing but noise changes in it, (n,)."""
    light = blocks(video).mean(axis=2)
    spread = (light.max(axis=1) - light.min(axis=1)).max(axis=(1, 2))
    return np.asarray(spread <= 4 + 10 * noise_level(video) / (BLOCK_PX * np.sqrt(3)))


def track(video: Video) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centroid of whatever stands out of the background, (n, T, 2) in px (NaN if nothing does), and its
    weight, (n, T) in grey levels times px.
    """
    background = np.median(video[..., ::_SPARSE, ::_SPARSE], axis=(1, 3, 4), keepdims=True).astype(np.int16)
    difference = np.abs(video - background).sum(axis=2, dtype=np.int16)
    sparse = difference[..., ::_SPARSE, ::_SPARSE].reshape(len(video), -1)
    level = np.median(sparse, axis=1, keepdims=True)
    spread = 1.48 * np.median(np.abs(sparse - level), axis=1, keepdims=True)
    light = np.maximum(difference - (level + 6 * spread + 24)[:, :, None, None], 0).astype(np.float32)
    weight = light.sum(axis=(2, 3), dtype=np.float64)
    centre = np.arange(video.shape[-1]) + 0.5
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (light.sum(axis=axis) @ centre / weight for axis in (2, 3))
    return np.stack([x, y], axis=2), weight / 3


def stuck(place: NDArray[np.float64], size_px: int) -> NDArray[np.bool_]:
    """Return for each track (n, T, 2) in px whether it was clamped to the border: it runs there, and from one frame to
    the next a coordinate stays what it is.
    """
    step = np.abs(np.diff(place, axis=1))
    near = np.minimum(place, size_px - place) < BORDER * size_px
    rest = (step < _REST_PX) & near[:, 1:] & near[:, :-1]
    result = np.zeros(len(place), bool)
    for start in range(step.shape[1] - STUCK_STEPS + 1):
        stop = start + STUCK_STEPS
        run = rest[:, start:stop].all(axis=1)
        for beside in (start - 1, stop):
            if 0 <= beside < step.shape[1]:
                result |= (run & (step[:, beside] > _JERK_PX)).any(axis=1)
    return result
