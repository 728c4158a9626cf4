"""Difficulty tiers of the `trajectories` data set: the ranges that paths and cameras are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.motion import Floats


@dataclass(frozen=True)
class Range:
    """A uniform distribution over [low, high]."""

    low: float
    high: float

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Draw `size` values."""
        return rng.uniform(self.low, self.high, size)

    def contains(self, values: Floats, slack: float = 1e-9) -> bool:
        """True if every value lies in the range."""
        return bool(np.all((values >= self.low - slack) & (values <= self.high + slack)))


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
TIERS = {tier.name: tier for tier in (EASY, MEDIUM)}
