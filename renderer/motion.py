"""The four path families as one closed form.

    X(s) = centre + velocity s + acceleration s^2 / 2 + rotate(radius, rotation s)

with s the time in seconds from the middle of the window, and `rotate` the turn of the radius vector about the
rotation vector (Rodrigues; the two are orthogonal). A family is which terms are not zero:

    linear      velocity
    circular    rotation, radius
    helical     rotation, radius, velocity along the rotation axis
    parabolic   velocity, acceleration
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Family(IntEnum):
    """Class of a path; the value is the label."""

    LINEAR = 0
    CIRCULAR = 1
    HELICAL = 2
    PARABOLIC = 3


@dataclass(frozen=True)
class Motion:
    """Parameters of n paths, each (n, 3), in world coordinates (workspace half-sides, seconds, radians)."""

    centre: Floats
    velocity: Floats
    acceleration: Floats
    rotation: Floats
    """Axis times angular speed (rad/s)."""
    radius: Floats
    """From the turning centre to the object at s = 0; orthogonal to `rotation`."""

    def positions(self, s: Floats) -> Floats:
        """Return world positions (n, t, 3) at times `s` (t,), seconds from the middle of the window."""
        s = np.asarray(s, np.float64)[None, :, None]
        path = self.centre[:, None] + self.velocity[:, None] * s + 0.5 * self.acceleration[:, None] * s**2
        speed = np.linalg.norm(self.rotation, axis=1)
        axis = self.rotation / np.where(speed > 0, speed, 1.0)[:, None]
        angle = speed[:, None, None] * s
        turned = np.cross(axis, self.radius)
        return path + np.cos(angle) * self.radius[:, None] + np.sin(angle) * turned[:, None]

    def to_array(self) -> Floats:
        """Return all parameters as one array (n, 5, 3), in the order of the fields."""
        return np.stack([self.centre, self.velocity, self.acceleration, self.rotation, self.radius], axis=1)

    @classmethod
    def from_array(cls, array: Floats) -> Motion:
        """Inverse of `to_array`."""
        return cls(*(np.ascontiguousarray(array[:, index]) for index in range(5)))


def frame_times(frames: int, horizon: int, fps: float) -> Floats:
    """Return the times of `frames` seen and `horizon` unseen frames, seconds from the window's middle."""
    count = frames + horizon
    return np.asarray((np.arange(count) - (count - 1) / 2) / fps, np.float64)
