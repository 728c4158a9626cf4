"""Which track of one camera is which of the other: by epipolar distance and size, frame by frame, paired best.

Two boxes of one object lie on each other's epipolar line, but for the noise of their centres, and are as large as its
distance makes them. A frame in which both tracks are seen speaks for the pair by the logarithm of how much likelier
it is than if they were of two objects; one that does not fit at all (a track that changed its object) speaks against
it, but never much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trainer.stereo.camera import Camera, Floats, fundamental, homogeneous
from trainer.stereo.seen import Seen
from trainer.stereo.triangulation import LEAST_PARALLAX_DEG

NOISE_PX = 0.5
"""Standard deviation of the centre of a box."""
SIZE_NOISE = 0.1
"""Of the logarithm of the ratio of the two sizes of an object."""
_FITS, _DOUBT = 90.0, 0.1
"""How much likelier a frame that fits exactly is for a pair than for two objects; and one that does not fit."""
_LEAST_EVIDENCE = 5.0
"""What speaks for a pair must amount to this: a little more than one frame that fits exactly."""
LEAST_FRAMES = 2
"""Frames that fit, of a pair."""


@dataclass(frozen=True)
class Pairs:
    """P pairs of tracks; no box is of two of them."""

    first: NDArray[np.int64]
    """Row of the track of the first camera, (P,)."""
    second: NDArray[np.int64]
    """Of the second, (P,)."""
    frames: NDArray[np.bool_]
    """Frames in which the two fit, (P, T)."""


def associate(one: Seen, other: Seen, first: Camera, second: Camera, noise_px: float = NOISE_PX) -> Pairs:
    """Pair tracks so that the evidence is largest in sum; what is left of broken tracks is paired again."""
    evidence = _evidence(one, other, first, second, noise_px)
    pairs: list[tuple[int, int]] = []
    frames: list[NDArray[np.bool_]] = []
    while evidence.size:
        fits = evidence > 0
        total = np.where(fits.sum(axis=2) >= LEAST_FRAMES, evidence.sum(axis=2), 0.0)
        total[total < _LEAST_EVIDENCE] = 0.0
        rows, columns = linear_sum_assignment(total, maximize=True)
        kept = total[rows, columns] > 0
        if not kept.any():
            break
        for row, column in zip(rows[kept].tolist(), columns[kept].tolist(), strict=True):
            together = fits[row, column].copy()
            pairs.append((row, column))
            frames.append(together)
            evidence[row, :, together] = 0.0
            evidence[:, column, together] = 0.0
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return Pairs(found[:, 0], found[:, 1], np.array(frames, bool).reshape(-1, one.frame_count))


def _evidence(one: Seen, other: Seen, first: Camera, second: Camera, noise_px: float) -> Floats:
    """Return what each frame says for each pair, (n, m, T); 0 where not both are seen."""
    both = one.present[:, None] & other.present
    misfit = np.square(epipolar_px(one.centres, other.centres, first, second) / noise_px)
    depth_1, depth_2, possible = _depths(one.centres, other.centres, first, second)
    large_1, large_2 = one.sides / first.focal_px, other.sides / second.focal_px
    ratio = np.divide(large_1[:, None] * depth_1, large_2 * depth_2, out=np.ones_like(depth_1), where=possible)
    misfit += np.square(np.log(ratio) / SIZE_NOISE)
    return np.where(both, np.log(_FITS * np.exp(-misfit / 2) * possible + _DOUBT), 0.0)


def epipolar_px(pixels_1: Floats, pixels_2: Floats, first: Camera, second: Camera) -> Floats:
    """Return by how much pixels (n, T, 2) and (m, T, 2) must be moved, in root of squares, to be pictures of one
    point; (n, m, T), to first order (Sampson's distance, Hartley & Zisserman 2004, 11.4.3).
    """
    F = fundamental(first, second)
    points_1, points_2 = homogeneous(pixels_1), homogeneous(pixels_2)
    lines_2, lines_1 = points_1 @ F.T, points_2 @ F
    apart = np.einsum("ntk,mtk->nmt", lines_2, points_2)
    steep_1, steep_2 = (np.square(lines[..., :2]).sum(axis=-1) for lines in (lines_1, lines_2))
    return np.asarray(np.abs(apart) / np.sqrt(np.maximum(steep_2[:, None] + steep_1, 1e-300)))


def _depths(pixels_1: Floats, pixels_2: Floats, first: Camera, second: Camera) -> tuple[Floats, Floats,
                                                                                    NDArray[np.bool_]]:  # fmt: skip
    """Return the depths (n, m, T) at which each two rays are nearest to each other, and where they do meet ahead."""
    rays_1, rays_2 = first.rays(pixels_1), second.rays(pixels_2)
    base = second.centre - first.centre
    along = np.einsum("ntk,mtk->nmt", rays_1, rays_2)
    length_1, length_2 = (np.square(rays).sum(axis=-1) for rays in (rays_1, rays_2))
    square = length_1[:, None] * length_2
    across = square - np.square(along)
    wide = across > square * np.sin(np.radians(LEAST_PARALLAX_DEG)) ** 2
    across = np.where(wide, across, 1.0)
    base_1, base_2 = rays_1 @ base, rays_2 @ base
    depth_1 = (base_1[:, None] * length_2 - base_2 * along) / across
    depth_2 = (base_1[:, None] * along - base_2 * length_1[:, None]) / across
    return depth_1, depth_2, wide & (depth_1 > 0) & (depth_2 > 0)
