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

from dataclasses import dataclass, replace
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

    def of(self, rows: NDArray[np.int64]) -> Motion:
        """Return some of the paths, in the order given."""
        return Motion.from_array(self.to_array()[rows])

    def positions(self, s: Floats) -> Floats:
        """Return world positions (n, t, 3) at times `s`, (t,) or (n, t), seconds from the middle of the window."""
        return self.basis(s) @ self.vectors()

    def vectors(self) -> Floats:
        """Return the five vectors (n, 5, 3) that a position is a combination of, with the weights of `basis`."""
        turned = np.cross(self.axis, self.radius)
        return np.stack([self.centre, self.velocity, self.acceleration, self.radius, turned], axis=1)

    def basis(self, s: Floats) -> Floats:
        """Return the weights (n, t, 5) of `vectors` at times `s`, (t,) or (n, t)."""
        angle = self.angular_speed[:, None] * s
        weights = np.empty((*angle.shape, 5))
        weights[..., 0] = 1
        weights[..., 1] = s
        weights[..., 2] = 0.5 * np.square(s)
        np.cos(angle, out=weights[..., 3])
        np.sin(angle, out=weights[..., 4])
        return weights

    @property
    def angular_speed(self) -> Floats:
        """Radians a second, (n,)."""
        return np.sqrt(np.square(self.rotation).sum(axis=1))

    @property
    def axis(self) -> Floats:
        """Unit vectors of the turning axes (n, 3), zero where nothing turns."""
        speed = self.angular_speed
        return self.rotation / np.where(speed > 0, speed, 1.0)[:, None]

    def shifted(self, seconds: Floats) -> Motion:
        """Return the same paths with their clocks set forward: at s they are where these are at s + seconds[i]."""
        forward = seconds[:, None]
        angle = self.angular_speed[:, None] * forward
        return replace(
            self,
            centre=self.centre + self.velocity * forward + 0.5 * self.acceleration * forward**2,
            velocity=self.velocity + self.acceleration * forward,
            radius=np.cos(angle) * self.radius + np.sin(angle) * np.cross(self.axis, self.radius),
        )

    def turned(self, matrix: Floats) -> Motion:
        """Return the paths turned about the origin by rotation matrices (n, 3, 3)."""
        return Motion.from_array(self.to_array() @ matrix.transpose(0, 2, 1))

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
