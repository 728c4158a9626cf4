"""How each path family is drawn from a tier's ranges. A family is one function and one line in `FAMILIES`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from renderer.motion import Family, Floats, Motion
from renderer.tiers import Tier

Sampler = Callable[[np.random.Generator, int, Tier, float], Motion]
"""(rng, n, tier, window_s) -> n paths whose centre is still at the origin."""


def _signs(rng: np.random.Generator, n: int) -> Floats:
    return rng.choice([-1.0, 1.0], n)


def _direction(azimuth: Floats, polar: Floats) -> Floats:
    """Return unit vectors (n, 3) from angles in radians, `polar` counted from +z."""
    flat = np.sin(polar)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.cos(polar)], axis=1)


def _still(n: int, **terms: Floats) -> Motion:
    """Return a motion whose terms are zero except those given."""
    names = ("centre", "velocity", "acceleration", "rotation", "radius")
    return Motion(**{name: terms.get(name, np.zeros((n, 3))) for name in names})


def linear(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A straight line in any direction, at constant speed."""
    direction = _direction(rng.uniform(0, 2 * np.pi, n), np.arccos(rng.uniform(-1, 1, n)))
    return _still(n, velocity=direction * (tier.travel.sample(rng, n) / window_s)[:, None])


def circular(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A circle about an axis near the vertical, either way round, from any starting phase."""
    azimuth, polar = rng.uniform(0, 2 * np.pi, n), np.radians(tier.tilt_deg.sample(rng, n))
    axis, across = _direction(azimuth, polar), _direction(azimuth, polar + np.pi / 2)
    phase = rng.uniform(0, 2 * np.pi, n)[:, None]
    unit = np.cos(phase) * across + np.sin(phase) * np.cross(axis, across)
    speed = 2 * np.pi * tier.turns.sample(rng, n) * _signs(rng, n) / window_s
    return _still(n, rotation=axis * speed[:, None], radius=unit * tier.turn_radius.sample(rng, n)[:, None])


def helical(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A circle that climbs or sinks steadily along its axis."""
    circle = circular(rng, n, tier, window_s)
    axis = circle.rotation / np.linalg.norm(circle.rotation, axis=1, keepdims=True)
    climb = tier.climb.sample(rng, n) * _signs(rng, n) / window_s
    return _still(n, velocity=axis * climb[:, None], rotation=circle.rotation, radius=circle.radius)


def parabolic(rng: np.random.Generator, n: int, tier: Tier, window_s: float) -> Motion:
    """A throw: constant downward acceleration, highest somewhere in the middle part of the window."""
    heading = _direction(rng.uniform(0, 2 * np.pi, n), np.full(n, np.pi / 2))
    fall = tier.fall.sample(rng, n) / window_s**2
    velocity = heading * (tier.throw.sample(rng, n) / window_s)[:, None]
    velocity[:, 2] = fall * (tier.apex.sample(rng, n) - 0.5) * window_s
    down = np.zeros((n, 3))
    down[:, 2] = -fall
    return _still(n, velocity=velocity, acceleration=down)


FAMILIES: dict[Family, Sampler] = {
    Family.LINEAR: linear,
    Family.CIRCULAR: circular,
    Family.HELICAL: helical,
    Family.PARABOLIC: parabolic,
}
