"""How each path family is drawn from a tier's ranges, and how to tell that a path was. A family is one pair of
functions and one line in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Family, Floats, Motion
from renderer.tiers import Tier


class PathFamily(NamedTuple):
    """One way to move. The centre of a drawn path is still at the origin, and says nothing of the family."""

    sample: Callable[[np.random.Generator, int, Tier, float], Motion]
    """(rng, n, tier, window_s) -> n paths."""
    contains: Callable[[Motion, Tier, float], NDArray[np.bool_]]
    """(paths, tier, window_s) -> for each path whether `sample` could have drawn it, but for the turn of a turned
    tier, (n,)."""


def _signs(rng: np.random.Generator, n: int) -> Floats:
    return rng.choice([-1.0, 1.0], n)


def _direction(azimuth: Floats, polar: Floats) -> Floats:
    """Return unit vectors (n, 3) from angles in radians, `polar` counted from +z."""
    flat = np.sin(polar)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.cos(polar)], axis=1)


def _length(vectors: Floats) -> Floats:
    return np.asarray(np.linalg.norm(vectors, axis=1))


def _along(vectors: Floats, other: Floats) -> Floats:
    """Return the components of vectors (n, 3) along others (n, 3), (n,)."""
    length = _length(other)
    return np.asarray((vectors * other).sum(axis=1) / np.where(length > 0, length, 1))


def _still(n: int, **terms: Floats) -> Motion:
    """Return a motion whose terms are zero except those given."""
    names = ("centre", "velocity", "acceleration", "rotation", "radius")
    return Motion(**{name: terms.get(name, np.zeros((n, 3))) for name in names})


def _zero(*terms: Floats) -> NDArray[np.bool_]:
    return np.all([np.abs(term).max(axis=1) < 1e-9 for term in terms], axis=0)


def sample_linear(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A straight line in any direction, at constant speed."""
    direction = _direction(rng.uniform(0, 2 * np.pi, n), np.arccos(rng.uniform(-1, 1, n)))
    return _still(n, velocity=direction * (tier.travel.sample(rng, n) / window_s)[:, None])


def is_linear(motion: Motion, tier: Tier, window_s: float) -> NDArray[np.bool_]:
    straight = _zero(motion.acceleration, motion.rotation, motion.radius)
    return straight & tier.travel.contains(_length(motion.velocity) * window_s)


def sample_circular(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A circle about an axis near the vertical, either way round, from any starting phase."""
    azimuth, polar = rng.uniform(0, 2 * np.pi, n), np.radians(tier.tilt_deg.sample(rng, n))
    axis, across = _direction(azimuth, polar), _direction(azimuth, polar + np.pi / 2)
    phase = rng.uniform(0, 2 * np.pi, n)[:, None]
    unit = np.cos(phase) * across + np.sin(phase) * np.cross(axis, across)
    speed = 2 * np.pi * tier.turns.sample(rng, n) * _signs(rng, n) / window_s
    return _still(n, rotation=axis * speed[:, None], radius=unit * tier.turn_radius.sample(rng, n)[:, None])


def _turns(motion: Motion, tier: Tier, window_s: float) -> NDArray[np.bool_]:
    tilt = np.degrees(np.arccos(np.clip(np.abs(motion.axis[:, 2]), 0, 1)))
    return (
        _zero(motion.acceleration, _along(motion.radius, motion.rotation)[:, None])
        & tier.turns.contains(motion.angular_speed * window_s / (2 * np.pi))
        & tier.turn_radius.contains(_length(motion.radius))
        & (tier.turned | tier.tilt_deg.contains(tilt, slack=1e-5))
    )


def is_circular(motion: Motion, tier: Tier, window_s: float) -> NDArray[np.bool_]:
    return _turns(motion, tier, window_s) & _zero(motion.velocity)


def sample_helical(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A circle that climbs or sinks steadily along its axis."""
    circle = sample_circular(rng, n, tier, window_s)
    axis = circle.rotation / np.linalg.norm(circle.rotation, axis=1, keepdims=True)
    climb = tier.climb.sample(rng, n) * _signs(rng, n) / window_s
    return _still(n, velocity=axis * climb[:, None], rotation=circle.rotation, radius=circle.radius)


def is_helical(motion: Motion, tier: Tier, window_s: float) -> NDArray[np.bool_]:
    climb = _along(motion.velocity, motion.rotation)
    steady = _zero(motion.velocity - climb[:, None] * motion.axis)
    return _turns(motion, tier, window_s) & steady & tier.climb.contains(np.abs(climb) * window_s)


def sample_parabolic(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A throw: constant downward acceleration, highest somewhere in the middle part of the window."""
    heading = _direction(rng.uniform(0, 2 * np.pi, n), np.full(n, np.pi / 2))
    fall = tier.fall.sample(rng, n) / window_s**2
    velocity = heading * (tier.throw.sample(rng, n) / window_s)[:, None]
    velocity[:, 2] = fall * (tier.apex.sample(rng, n) - 0.5) * window_s
    down = np.zeros((n, 3))
    down[:, 2] = -fall
    return _still(n, velocity=velocity, acceleration=down)


def is_parabolic(motion: Motion, tier: Tier, window_s: float) -> NDArray[np.bool_]:
    fall = _length(motion.acceleration)
    safe = np.where(fall > 0, fall, 1)
    down = motion.acceleration / safe[:, None]
    sinking = _along(motion.velocity, down)
    throw = _length(motion.velocity - sinking[:, None] * down)
    return (
        _zero(motion.rotation, motion.radius)
        & tier.fall.contains(fall * window_s**2)
        & tier.throw.contains(throw * window_s)
        & tier.apex.contains(0.5 - sinking / safe / window_s)
        & (tier.turned | _zero(down[:, :2]))
    )


FAMILIES: dict[Family, PathFamily] = {
    Family.LINEAR: PathFamily(sample_linear, is_linear),
    Family.CIRCULAR: PathFamily(sample_circular, is_circular),
    Family.HELICAL: PathFamily(sample_helical, is_helical),
    Family.PARABOLIC: PathFamily(sample_parabolic, is_parabolic),
}
