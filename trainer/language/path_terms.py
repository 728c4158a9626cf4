"""How a path of each family may change: its free terms, what each does to a position, and how to take a step.

A state is a `Motion`, whose constraints (radius across the axis, pitch along it) every step keeps. The fifteen terms,
of which a family has some:

    centre (3)   velocity (3)   acceleration (3)   turn of the whole frame about the centre (3)
    angular speed   log of the radius   pitch (velocity along the axis)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.camera import rotation_matrix
from renderer.motion import Family, Floats, Motion

TERMS = 15
CENTRE, VELOCITY, ACCELERATION, TURN = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
SPEED, RADIUS, PITCH = 12, 13, 14
FREE: dict[Family, list[int]] = {
    Family.LINEAR: [0, 1, 2, 3, 4, 5],
    Family.CIRCULAR: [0, 1, 2, 9, 10, 11, SPEED, RADIUS],
    Family.HELICAL: [0, 1, 2, 9, 10, 11, SPEED, RADIUS, PITCH],
    Family.PARABOLIC: [0, 1, 2, 3, 4, 5, 6, 7, 8],
}
LARGEST_RADIUS = 2.0
"""Half-sides: a wider circle does not fit into the workspace."""


@dataclass(frozen=True)
class Bounds:
    """What a path that turns keeps to."""

    slowest: float
    fastest: float
    """Angular speeds, radians a unit of time."""
    narrowest: float
    """Radius, half-sides."""


def free_terms(families: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which terms paths of these families (n,) have, (n, 15)."""
    table = np.zeros((len(Family), TERMS), bool)
    for family, terms in FREE.items():
        table[family, terms] = True
    return table[families]


def derivatives(motion: Motion, s: Floats) -> Floats:
    """Return what each term does to the positions at times `s` (t,), (n, t, 3, 15)."""
    jacobian = np.zeros((len(motion.centre), len(s), 3, TERMS))
    for axis in range(3):
        jacobian[:, :, axis, axis] = 1
        jacobian[:, :, axis, 3 + axis] = s
        jacobian[:, :, axis, 6 + axis] = s**2 / 2
    weights = motion.basis(s)
    across = np.cross(motion.axis, motion.radius)
    spoke = weights[..., 3:] @ np.stack([motion.radius, across], axis=1)
    x, y, z = np.moveaxis(spoke + motion.velocity[:, None] * s[:, None], 2, 0)
    jacobian[:, :, 1, 9], jacobian[:, :, 2, 9] = -z, y
    jacobian[:, :, 2, 10], jacobian[:, :, 0, 10] = -x, z
    jacobian[:, :, 0, 11], jacobian[:, :, 1, 11] = -y, x
    rim = weights[..., 3:4] * across[:, None] - weights[..., 4:5] * motion.radius[:, None]
    jacobian[..., SPEED] = rim * s[:, None]
    jacobian[..., RADIUS] = spoke
    jacobian[..., PITCH] = motion.axis[:, None] * s[:, None]
    return jacobian


def moved(motion: Motion, step: Floats, bounds: Bounds) -> Motion:
    """Return the paths after a step (n, 15), those that turn within bounds."""
    speed = motion.angular_speed
    turning = speed > 0
    turn = rotation_matrix(step[:, TURN])
    axis = (turn @ motion.axis[:, :, None])[..., 0]
    radius = (turn @ motion.radius[:, :, None])[..., 0]
    velocity = (turn @ motion.velocity[:, :, None])[..., 0]
    length = np.linalg.norm(radius, axis=1)
    longer = np.clip(length * np.exp(np.clip(step[:, RADIUS], -1, 1)), bounds.narrowest, LARGEST_RADIUS)
    return Motion(
        centre=motion.centre + step[:, CENTRE],
        velocity=velocity + step[:, VELOCITY] + axis * step[:, PITCH, None],
        acceleration=motion.acceleration + step[:, ACCELERATION],
        rotation=axis * np.where(turning, np.clip(speed + step[:, SPEED], bounds.slowest, bounds.fastest), 0)[:, None],
        radius=radius * (longer / np.where(length > 0, length, 1))[:, None],
    )
