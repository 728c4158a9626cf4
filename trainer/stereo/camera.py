"""A calibrated pinhole camera, and what two of them know of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderer.camera import Cameras
from trainer.errors import DataError

Floats = NDArray[np.floating[Any]]
_LEAST_APART = 1e-3
"""Cameras nearer to each other than this share of the distance between their centres and the origin, or of 1, see the
same: no depth."""
_LARGEST = 1e9
"""Of a camera's numbers, so that squares of what is computed with them are finite."""


@dataclass(frozen=True)
class Camera:
    """x ~ K [R | t] X with t = -R C for a camera at C; pixels as in `renderer.camera`."""

    K: Floats
    """(3, 3), its last row 0 0 1."""
    R: Floats
    """World to camera, (3, 3)."""
    t: Floats
    """(3,)."""

    @classmethod
    def of(cls, cameras: Cameras, row: int) -> Self:
        """Return one of a recipe's cameras."""
        f, c, R = cameras.focal_px, cameras.size_px / 2, cameras.rotation[row]
        return cls(np.array([[f, 0, c], [0, f, c], [0, 0, 1]]), R, -R @ cameras.position[row])

    @classmethod
    def read(cls, K: ArrayLike, R: ArrayLike, t: ArrayLike, where: str = "camera") -> Self:
        """Return a camera of somebody else's numbers. Raises `DataError` that names what cannot be."""
        parts = []
        for name, value, shape in (("K", K, (3, 3)), ("R", R, (3, 3)), ("t", t, (3,))):
            try:
                part = np.asarray(value, np.float64)
            except (TypeError, ValueError) as exc:
                raise DataError(f"{where}: {name} is not numbers of shape {shape}") from exc
            if part.shape != shape or not (np.abs(part) <= _LARGEST).all():
                raise DataError(f"{where}: {name} is not numbers of shape {shape} up to {_LARGEST:g}")
            parts.append(part)
        camera = cls(*parts)
        upper = camera.K[1, 0] == 0 and np.allclose(camera.K[2], [0, 0, 1])
        if not upper or min(camera.K[0, 0], camera.K[1, 1]) < 1 / _LARGEST:
            raise DataError(f"{where}: K needs focal lengths above 0, a 0 below the first, and the last row 0 0 1")
        if not np.allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-6) or np.linalg.det(camera.R) < 0:
            raise DataError(f"{where}: R is no rotation", hint="its rows are the camera's x, y, z axes in the world")
        return camera

    @property
    def P(self) -> Floats:
        """K [R | t], (3, 4)."""
        return np.asarray(self.K @ np.column_stack([self.R, self.t]))

    @property
    def centre(self) -> Floats:
        """C, (3,)."""
        return np.asarray(-self.R.T @ self.t)

    @property
    def focal_px(self) -> float:
        return float(np.sqrt(self.K[0, 0] * self.K[1, 1]))

    def project(self, world: Floats) -> tuple[Floats, Floats]:
        """Return pixels (..., 2) and depths (...) of points (..., 3)."""
        seen = world @ self.P[:, :3].T + self.P[:, 3]
        return seen[..., :2] / seen[..., 2:], seen[..., 2]

    def rays(self, pixels: Floats) -> Floats:
        """Return the directions (..., 3) in the world of pixels (..., 2), of depth 1: C + z ray has depth z."""
        return homogeneous(pixels) @ (np.linalg.inv(self.K).T @ self.R)


def homogeneous(pixels: Floats) -> Floats:
    """Return (..., 3): pixels with a 1."""
    return np.concatenate([pixels, np.ones((*pixels.shape[:-1], 1))], axis=-1)


def check_apart(first: Camera, second: Camera) -> None:
    """Refuse two cameras at one place: whatever they see, its depth is unknown. Raises `DataError`."""
    apart = float(np.linalg.norm(first.centre - second.centre))
    if apart <= _LEAST_APART * max(1.0, float(np.linalg.norm(first.centre))):
        raise DataError(f"the two cameras coincide: their centres are {apart:.2g} apart, and turning shows no depth",
                        hint="t is -R C for a camera at C, not C itself")  # fmt: skip


def fundamental(first: Camera, second: Camera) -> Floats:
    """Return F (3, 3) with x2' F x1 = 0 for pictures x1, x2 of one point (Hartley & Zisserman 2004, 9.2)."""
    R = second.R @ first.R.T
    x, y, z = second.t - R @ first.t
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.linalg.inv(second.K).T @ across @ R @ np.linalg.inv(first.K))
