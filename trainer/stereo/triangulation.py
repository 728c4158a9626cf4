"""Points from pixels of two cameras: linear, then of least reprojection error (Hartley & Zisserman 2004, ch. 12)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trainer.stereo.camera import Camera, Floats

LEAST_PARALLAX_DEG = 1.0
"""Rays that meet at a smaller angle do not tell how far away."""
_STEPS = 3
"""Of Gauss and Newton: from the linear solution on, one or two are enough."""


@dataclass(frozen=True)
class Points:
    """N points of the world; where one is not sound its numbers mean nothing."""

    position: Floats
    """(N, 3)."""
    error_px: Floats
    """Root mean square of the four pixel coordinates' deviations, (N,)."""
    covariance: Floats
    """Of the position for pixels with a variance of 1, to first order, (N, 3, 3)."""
    sound: NDArray[np.bool_]
    """In front of both cameras, and of enough parallax, (N,)."""

    def take(self, rows: NDArray[Any]) -> Self:
        """Return some of them."""
        return type(self)(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def triangulate(first: Camera, second: Camera, pixels_1: Floats, pixels_2: Floats) -> Points:
    """Return the points whose pictures are nearest to pixels (N, 2) of both cameras."""
    seen = np.concatenate([pixels_1, pixels_2], axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide = parallax_deg(first.rays(seen[:, :2]), second.rays(seen[:, 2:])) >= LEAST_PARALLAX_DEG
    position = np.zeros((len(seen), 3))
    position[wide] = _linear(first, second, seen[wide])
    for _ in range(_STEPS):
        expected, slope = _projected(first, second, position[wide])
        position[wide] += _solve(slope, seen[wide] - expected)
    error_px, covariance = np.full(len(seen), np.nan), np.full((len(seen), 3, 3), np.nan)
    expected, slope = _projected(first, second, position[wide])
    error_px[wide] = np.sqrt(np.square(seen[wide] - expected).mean(axis=1))
    covariance[wide] = np.linalg.inv(slope.transpose(0, 2, 1) @ slope)
    ahead = np.logical_and(*(camera.project(position)[1] > 0 for camera in (first, second)))
    return Points(position, error_px, covariance, wide & ahead & np.isfinite(position).all(axis=1))


def parallax_deg(rays_1: Floats, rays_2: Floats) -> Floats:
    """Return the angle between rays (..., 3), in degrees."""
    across = np.linalg.norm(np.cross(rays_1, rays_2), axis=-1)
    return np.asarray(np.degrees(np.arctan2(across, (rays_1 * rays_2).sum(axis=-1))))


def _linear(first: Camera, second: Camera, seen: Floats) -> Floats:
    """Return the least-squares solution (N, 3) of x (P_3 X) = P_1 X, y (P_3 X) = P_2 X for both (12.2)."""
    P = np.concatenate([first.P[:2], second.P[:2]])
    depth = np.stack([first.P[2], first.P[2], second.P[2], second.P[2]])
    equations = seen[:, :, None] * depth - P
    return _solve(equations[..., :3], -equations[..., 3])


def _projected(first: Camera, second: Camera, position: Floats) -> tuple[Floats, Floats]:
    """Return the four pixel coordinates of points, (N, 4), and their slopes, (N, 4, 3)."""
    seen, slopes = [], []
    for camera in (first, second):
        pixels, depth = camera.project(position)
        seen.append(pixels)
        turned = camera.P[:2, :3] - pixels[:, :, None] * camera.P[2, :3]
        slopes.append(turned / depth[:, None, None])
    return np.concatenate(seen, axis=1), np.concatenate(slopes, axis=1)


def _solve(matrix: Floats, right: Floats) -> Floats:
    """Return the least-squares solutions (N, 3) of systems (N, 4, 3), (N, 4)."""
    turned = matrix.transpose(0, 2, 1)
    return np.asarray(np.linalg.solve(turned @ matrix, turned @ right[:, :, None])[..., 0])
