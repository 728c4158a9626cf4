"""Difficulty tiers of the `trajectories` data set and their held-out tests: the ranges that all is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderer.errors import RendererError
from renderer.motion import Floats


@dataclass(frozen=True)
class Range:
    """A uniform distribution over [low, high]."""

    low: float
    high: float

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Draw `size` values."""
        return rng.uniform(self.low, self.high, size)

    def at(self, share: Floats) -> Floats:
        """Return the values at shares in [0, 1] of the way from low to high."""
        return self.low + (self.high - self.low) * share

    def contains(self, values: ArrayLike, slack: float = 1e-9) -> NDArray[np.bool_]:
        """Return for each value whether it lies in the range."""
        values = np.asarray(values)
        return np.asarray((values >= self.low - slack) & (values <= self.high + slack))

    def overlaps(self, other: Range) -> bool:
        """True if some value lies in both ranges."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Tier:
    """Ranges in workspace half-sides, degrees, and turns or travel over the whole window (T + 5 frames)."""

    name: str
    azimuth_deg: Range
    elevation_deg: Range
    distance: Range
    tilt_deg: Range
    """Angle between the turning axis and the world's vertical."""
    offset: Range
    """Each coordinate of a path's mean position."""
    travel: Range
    """Length of a linear path."""
    turns: Range
    turn_radius: Range
    climb: Range
    """Travel of a helix along its axis."""
    throw: Range
    """Horizontal travel of a parabola."""
    fall: Range
    """Acceleration of a parabola in half-sides per window squared; its sag is an eighth of it."""
    apex: Range
    """When a parabola is at its highest, as a share of the window."""
    noise_sigma: float
    """Noise of validation and test clips; training mixes levels."""
    turned: bool = False
    """Each path is turned as a whole, uniformly: neither an axis nor gravity has a preferred direction."""
    focal_px_at_64: float = 70.0
    """Fixed and known: a focal length chosen from the clip would leak its future."""
    sphere_radius: float = 8.0 / 70.0
    """One constant physical radius, so that size in pixels carries depth (2.5 px at a distance of 3.2)."""


EASY = Tier(
    name="easy",
    azimuth_deg=Range(0, 0),
    elevation_deg=Range(35, 35),
    distance=Range(3.2, 3.2),
    tilt_deg=Range(0, 0),
    offset=Range(-0.6, 0.6),
    travel=Range(0.8, 1.8),
    turns=Range(0.9, 1.5),
    turn_radius=Range(0.35, 0.6),
    climb=Range(0.8, 1.4),
    throw=Range(0.5, 1.5),
    fall=Range(2.4, 4.4),
    apex=Range(0.35, 0.65),
    noise_sigma=0.005,
)
MEDIUM = Tier(
    name="medium",
    azimuth_deg=Range(-45, 45),
    elevation_deg=Range(15, 50),
    distance=Range(3.0, 3.6),
    tilt_deg=Range(0, 25),
    offset=Range(-0.6, 0.6),
    travel=Range(0.6, 1.8),
    turns=Range(0.6, 1.5),
    turn_radius=Range(0.25, 0.6),
    climb=Range(0.6, 1.4),
    throw=Range(0.5, 1.5),
    fall=Range(2.0, 4.4),
    apex=Range(0.3, 0.7),
    noise_sigma=0.02,
)
HARD = Tier(
    name="hard",
    azimuth_deg=Range(-150, 150),
    elevation_deg=Range(-20, 60),
    distance=Range(2.8, 4.2),
    tilt_deg=Range(0, 90),
    offset=Range(-0.6, 0.6),
    travel=Range(0.4, 1.8),
    turns=Range(0.35, 1.5),
    turn_radius=Range(0.2, 0.6),
    climb=Range(0.4, 1.4),
    throw=Range(0.4, 1.5),
    fall=Range(1.6, 4.4),
    apex=Range(0.2, 0.8),
    noise_sigma=0.05,
    turned=True,
)
TIERS = {tier.name: tier for tier in (EASY, MEDIUM, HARD)}

_SHIFTED_MOTION = {
    "travel": Range(1.81, 1.88),
    "turns": Range(1.55, 2.0),
    "turn_radius": Range(0.65, 0.71),
    "climb": Range(0.42, 0.56),
    "throw": Range(1.58, 1.68),
    "fall": Range(4.6, 5.0),
}
"""Faster and wider than any training range; but helices climb less, for with a larger climb they would leave the
picture more often than the other classes, and where a clip can be would tell its class."""
TESTS: dict[str, dict[str, dict[str, Any]]] = {
    "shifted-camera": {
        "easy": {"azimuth_deg": Range(20, 60), "elevation_deg": Range(40, 55)},
        "medium": {"azimuth_deg": Range(60, 120), "elevation_deg": Range(55, 70)},
        "hard": {"azimuth_deg": Range(160, 200), "elevation_deg": Range(65, 80)},
    },
    "shifted-motion": {
        "easy": _SHIFTED_MOTION,
        "medium": _SHIFTED_MOTION,
        "hard": {
            "travel": Range(1.81, 1.88),
            "turns": Range(1.55, 2.0),
            "turn_radius": Range(0.68, 0.74),
            "climb": Range(0.3, 0.39),
            "throw": Range(1.51, 1.56),
            "fall": Range(4.45, 4.6),
        },
    },
    "noisy": {tier: {"noise_sigma": 0.1} for tier in TIERS},
}
"""What each held-out test changes in each tier; no changed range touches the range that it replaces."""


def find_tier(name: str, test: str = "") -> Tier:
    """Return a tier, or that of one of its held-out tests (named `tier/test`). Raises `RendererError`."""
    name, _, own_test = name.partition("/")
    test = test or own_test
    if name not in TIERS or test not in ("", *TESTS):
        raise RendererError(
            f"no tier {name!r}" if name not in TIERS else f"no held-out test {test!r}",
            hint=f"tiers: {', '.join(TIERS)}; tests: {', '.join(TESTS)}",
        )
    return replace(TIERS[name], name=f"{name}/{test}", **TESTS[test][name]) if test else TIERS[name]
