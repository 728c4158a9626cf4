"""Draw paths and cameras together until each path stays in view: rejection, counted per class. What `draw_...` draws,
`..._contains` knows again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras, look_at_origin
from renderer.errors import RendererError, SamplingError
from renderer.families import FAMILIES
from renderer.motion import Family, Motion, frame_times
from renderer.tiers import Tier

MARGIN = 0.05
"""Share of the picture's side that all T + 5 centres keep from its border."""
COLOUR_LOW = 120
"""Darkest channel of an object: bright enough to stand out of the noise of every tier."""
_MOST_AT_ONCE = 65_536
"""Draws of one round: bounds the memory of a large data set."""
_LOWEST_RATE = 0.01
"""Acceptance below which drawing gives up."""
_PATIENCE = 2_000
"""Draws before it does."""


@dataclass(frozen=True)
class Window:
    """What is filmed: `frames` seen, `horizon` unseen ones after them, at `fps`, in a picture of `size_px`."""

    frames: int = 16
    horizon: int = 5
    fps: float = 30.0
    size_px: int = 64

    def __post_init__(self) -> None:
        for name, low, high in (("frames", 1, 64), ("horizon", 0, 64), ("size_px", 8, 2048)):
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise RendererError(f"{name} cannot be {value!r}: a whole number from {low} to {high} is needed")
        if not 0 < self.fps <= 1000:
            raise RendererError(f"fps cannot be {self.fps!r}: a number above 0 and up to 1000 is needed")
        if self.frames + self.horizon < 2:
            raise RendererError("one frame and none to forecast: a path needs at least two", hint="take more frames")

    @property
    def times_s(self) -> np.ndarray:
        """Times of all frames, seconds from the window's middle."""
        return frame_times(self.frames, self.horizon, self.fps)

    @property
    def length_s(self) -> float:
        return (self.frames + self.horizon - 1) / self.fps


@dataclass(frozen=True)
class Drawn:
    """n accepted clips of one family, and how many were drawn to get them."""

    motion: Motion
    cameras: Cameras
    drawn: int


def draw_cameras(rng: np.random.Generator, n: int, tier: Tier, size_px: int) -> Cameras:
    """Draw n cameras of the tier; the focal length scales with the picture, so that the view is the same."""
    return look_at_origin(
        np.radians(tier.azimuth_deg.sample(rng, n)),
        np.radians(tier.elevation_deg.sample(rng, n)),
        tier.distance.sample(rng, n),
        tier.focal_px_at_64 * size_px / 64,
        size_px,
    )


def cameras_contains(cameras: Cameras, tier: Tier) -> NDArray[np.bool_]:
    """Return for each camera whether `draw_cameras` could have drawn it, (n,)."""
    x, y, z = cameras.position.T
    distance = np.linalg.norm(cameras.position, axis=1)
    azimuth, elevation = np.arctan2(y, x), np.arcsin(z / distance)
    own = look_at_origin(azimuth, elevation, distance, cameras.focal_px, cameras.size_px)
    past_low_deg = (np.degrees(azimuth) - tier.azimuth_deg.low + 180) % 360 - 180
    past_low_deg += np.where(past_low_deg < -1e-5, 360, 0)
    return np.asarray(
        (past_low_deg <= tier.azimuth_deg.high - tier.azimuth_deg.low + 1e-5)
        & tier.elevation_deg.contains(np.degrees(elevation), slack=1e-5)
        & tier.distance.contains(distance)
        & (np.abs(own.rotation - cameras.rotation).max(axis=(1, 2)) < 1e-6)
        & np.isclose(cameras.focal_px, tier.focal_px_at_64 * cameras.size_px / 64)
    )


def draw_colours(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Draw n bright colours, RGB, (n, 3)."""
    return rng.integers(COLOUR_LOW, 256, (n, 3))


def draw_motion(rng: np.random.Generator, n: int, family: Family, tier: Tier, window: Window) -> Motion:
    """Draw n paths whose *mean position* lies uniformly around the origin, so that place says nothing of class."""
    motion = FAMILIES[family].sample(rng, n, tier, window.length_s)
    if tier.turned:
        motion = motion.turned(_random_turns(rng, n))
    offset = np.stack([tier.offset.sample(rng, n) for _ in range(3)], axis=1)
    return replace(motion, centre=offset - motion.positions(window.times_s).mean(axis=1))


def motion_contains(motion: Motion, family: Family, tier: Tier, window: Window) -> NDArray[np.bool_]:
    """Return for each path whether `draw_motion` could have drawn it, (n,)."""
    offset = motion.positions(window.times_s).mean(axis=1)
    return FAMILIES[family].contains(motion, tier, window.length_s) & tier.offset.contains(offset).all(axis=1)


def _random_turns(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Draw rotation matrices (n, 3, 3) uniformly: unit quaternions from normal deviates (Muller 1959)."""
    w, *axis = (rng.standard_normal((n, 4))).T
    x, y, z = axis
    doubled = 2 / (w * w + x * x + y * y + z * z)
    rows = [
        [1 - doubled * (y * y + z * z), doubled * (x * y - z * w), doubled * (x * z + y * w)],
        [doubled * (x * y + z * w), 1 - doubled * (x * x + z * z), doubled * (y * z - x * w)],
        [doubled * (x * z - y * w), doubled * (y * z + x * w), 1 - doubled * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def draw_family(rng: np.random.Generator, n: int, family: Family, tier: Tier, window: Window) -> Drawn:
    """Draw until n clips of `family` have every centre, seen or not, inside the picture.

    Raises `SamplingError` where hardly any has, after a moment.
    """
    motions, rotations, positions = [], [], []
    accepted = drawn = 0
    while True:
        count = min(max(64, 2 * (n - accepted)), _MOST_AT_ONCE)
        motion = draw_motion(rng, count, family, tier, window)
        cameras = draw_cameras(rng, count, tier, window.size_px)
        keep = np.flatnonzero(cameras.inside(cameras.to_camera(motion.positions(window.times_s)), MARGIN))
        if accepted + len(keep) >= n:
            keep = keep[: n - accepted]
            count = int(keep[-1]) + 1 if len(keep) else 0
        motions.append(motion.to_array()[keep])
        rotations.append(cameras.rotation[keep])
        positions.append(cameras.position[keep])
        accepted += len(keep)
        drawn += count
        if accepted == n:
            motion = Motion.from_array(np.concatenate(motions))
            cameras = replace(cameras, rotation=np.concatenate(rotations), position=np.concatenate(positions))
            return Drawn(motion, cameras, drawn)
        if drawn >= _PATIENCE and accepted < _LOWEST_RATE * drawn:
            raise SamplingError(
                f"tier {tier.name}: only {accepted} of {drawn} {family.name.lower()} paths stay in view "
                f"({accepted / drawn:.2%}, at least {_LOWEST_RATE:.0%} are needed)",
                hint="narrow the ranges of its paths, or move its cameras away",
            )
