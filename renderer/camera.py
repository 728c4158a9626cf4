"""Pinhole cameras: x ~ K [R | t] X with t = -R C for a camera at position C.

Camera axes: x right, y down, z forward. Pixel origin top-left; the centre of pixel (i, j) is at (j + 0.5, i + 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from renderer.errors import RendererError
from renderer.motion import Floats


@dataclass(frozen=True)
class Cameras:
    """n cameras with one fixed, known focal length and a square picture."""

    rotation: Floats
    """World to camera, (n, 3, 3); rows are the camera's x, y, z axes in the world."""
    position: Floats
    """Camera centre C in the world, (n, 3)."""
    focal_px: float
    size_px: int

    def of(self, rows: NDArray[np.int64]) -> Cameras:
        """Return the cameras of some rows, in the order given."""
        return replace(self, rotation=self.rotation[rows], position=self.position[rows])

    def turned(self, vector: Floats) -> Cameras:
        """Return the cameras turned about their own axes by rotation vectors (n, 3), in radians."""
        return replace(self, rotation=rotation_matrix(vector) @ self.rotation)

    def to_camera(self, world: Floats) -> Floats:
        """Return points (n, t, 3) of the world in camera coordinates."""
        return (world - self.position[:, None]) @ self.rotation.transpose(0, 2, 1)

    def to_world(self, camera: Floats) -> Floats:
        """Inverse of `to_camera`."""
        return camera @ self.rotation + self.position[:, None]

    def project(self, camera: Floats) -> Floats:
        """Return pixel coordinates (n, t, 2) of points in camera coordinates (n, t, 3)."""
        return camera[..., :2] / camera[..., 2:] * self.focal_px + self.size_px / 2

    def inside(self, camera: Floats, margin: float) -> np.ndarray:
        """Return for each path (..., t, 3) whether all its points lie in front and inside the picture, (...) bool.

        `margin` is the share of the picture's side that stays free at each border.
        """
        free = (0.5 - margin) * self.size_px / self.focal_px
        extent = np.maximum(np.abs(camera[..., 0]), np.abs(camera[..., 1]))
        return np.asarray(((extent <= free * camera[..., 2]) & (camera[..., 2] > 0)).all(axis=-1))


def check_in_front(camera: Floats, radius: float | Floats) -> None:
    """Refuse spheres that the camera's plane cuts or has behind it, and positions that are no numbers.

    `camera` (..., 3) in camera coordinates, `radius` (...) or one for all. Raises `RendererError`.
    """
    depth = camera[..., 2]
    if (depth > radius).all():
        return
    if not np.isfinite(camera).all():
        raise RendererError("a path has positions that are no numbers", hint="look for NaN in its parameters")
    raise RendererError(
        f"an object is behind its camera or around it: {depth.min():.3g} in front of it at a radius of "
        f"{np.max(radius):.3g} half-sides",
        hint="move the camera away, or turn it towards the path",
    )


def rotation_matrix(vector: Floats) -> Floats:
    """Return the matrices (n, 3, 3) that turn by rotation vectors (n, 3), in radians (Rodrigues 1840)."""
    angle = np.sqrt(np.square(vector).sum(axis=1))
    x, y, z = (vector / np.where(angle > 0, angle, 1.0)[:, None]).T
    zero = np.zeros_like(x)
    across = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    angle = angle[:, None, None]
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * (across @ across)


def look_at_origin(azimuth: Floats, elevation: Floats, distance: Floats, focal_px: float, size_px: int) -> Cameras:
    """Return cameras (n,) at the given angles (radians) and distance, upright, looking at the world's origin."""
    flat = np.cos(elevation)
    outward = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=1)
    return Cameras(looking(-outward), outward * distance[:, None], focal_px, size_px)


def looking(forward: Floats) -> Floats:
    """Return the rotations (n, 3, 3) of upright cameras that look along unit vectors (n, 3) of the world.

    The picture's up is the world's z, or its y where a camera looks straight up or down.
    """
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
    steep = np.linalg.norm(right, axis=1) < 1e-9
    right[steep] = np.cross(forward[steep], np.array([0.0, 1.0, 0.0]))
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], axis=1)
