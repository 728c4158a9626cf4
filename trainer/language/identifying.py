"""Which family an equation belongs to, and with which parameters, from its own values alone.

An equation is free to write a path as it likes (a cosine with a phase, a power, a square root), so its form says
nothing. Its values on a dense grid do: a line and a parabola by least squares; where P'''' = -w^2 P'' holds, w is the
angular speed of a turn, and the rest is linear in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from renderer.equations import evaluate
from renderer.motion import Family, Floats, Motion
from renderer.sampling import Window

GRID = 121
"""Times at which an equation is looked at, over the whole window."""
LEAST_EXTENT, FARTHEST = 1e-9, 1e6
"""Half-sides; what stands still, or leaves for good, belongs to no family."""
TOLERANCE = 0.01
"""Largest distance to a path of the family, as a share of the extent: numbers rounded to two digits stay below it."""


@dataclass(frozen=True)
class Identified:
    """A path as an equation gives it."""

    family: Family
    motion: Motion
    """Of one path, s from the middle of the window."""


def identify(equation: str, window: Window) -> Identified | None:
    """Return the simplest of line, parabola, circle and helix that an equation is within `TOLERANCE`, or None.

    Raises `EquationError` for text outside the grammar of `renderer.equations`, and for values that are not finite.
    """
    t = np.linspace(0, window.length_s, GRID)
    path, s = evaluate(equation, t), t - window.length_s / 2
    if np.abs(path).max() > FARTHEST:
        return None
    extent = np.linalg.norm(np.ptp(path, axis=0))
    for family, motion in _candidates(path, s) if extent > LEAST_EXTENT else ():
        apart = np.linalg.norm(motion.positions(s)[0] - path, axis=1).max()
        if apart <= TOLERANCE * extent:
            return Identified(family, motion)
    return None


def _candidates(path: Floats, s: Floats) -> Iterator[tuple[Family, Motion]]:
    """Give the nearest path of each family, the one with fewest terms first."""
    centre, velocity = _solved(path, np.ones_like(s), s)
    yield Family.LINEAR, _still(centre, velocity=velocity)
    centre, velocity, acceleration = _solved(path, np.ones_like(s), s, s**2 / 2)
    yield Family.PARABOLIC, _still(centre, velocity=velocity, acceleration=acceleration)
    speed = _angular_speed(path, s[1] - s[0])
    if speed > 0:
        turn = (np.cos(speed * s), np.sin(speed * s))
        centre, *spokes = _solved(path, np.ones_like(s), *turn)
        yield Family.CIRCULAR, _still(centre, **_turning(speed, *spokes))
        centre, velocity, *spokes = _solved(path, np.ones_like(s), s, *turn)
        terms = _turning(speed, *spokes)
        axis = terms["rotation"] / speed
        yield Family.HELICAL, _still(centre, velocity=axis * (axis @ velocity), **terms)


def _solved(path: Floats, *columns: Floats) -> Floats:
    """Return the vectors (k, 3) by which a sum of k functions of time is nearest to a path."""
    return np.asarray(np.linalg.lstsq(np.stack(columns, axis=1), path, rcond=None)[0])


def _angular_speed(path: Floats, step: float) -> float:
    """Return the w of P'''' = -w^2 P'' by least squares (Prony 1795), exact for a turn at any step; 0 for none."""
    second = np.diff(path, 2, axis=0)
    ratio = -np.vdot(np.diff(second, 2, axis=0), second[1:-1]) / max(float(np.vdot(second[1:-1], second[1:-1])), 1e-300)
    return float(2 * np.arcsin(np.sqrt(ratio) / 2) / step) if 0 < ratio < 4 else 0.0


def _turning(speed: float, along: Floats, across: Floats) -> dict[str, Floats]:
    """Return the rotation and radius of the circle nearest to the ellipse along cos + across sin (polar form)."""
    left, size, right = np.linalg.svd(np.stack([along, across], axis=1), full_matrices=False)
    unit = left @ right
    return {"rotation": speed * np.cross(unit[:, 0], unit[:, 1]), "radius": size.mean() * unit[:, 0]}


def _still(centre: Floats, **terms: Floats) -> Motion:
    """Return the motion of one path whose terms are zero except those given."""
    names = ("centre", "velocity", "acceleration", "rotation", "radius")
    given = {"centre": centre, **terms}
    return Motion(**{name: np.array([given.get(name, np.zeros(3))]) for name in names})
