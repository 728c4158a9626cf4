"""Draw paths and cameras together until each path stays in view: rejection, counted per class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from renderer.camera import Cameras, look_at_origin
from renderer.errors import RendererError, SamplingError
from renderer.families import FAMILIES
from renderer.motion import Family, Motion, frame_times
from renderer.tiers import Tier

MARGIN = 0.05
"""Share of the picture's side that all T + 5 centres keep from its border."""
_MAX_ROUNDS = 200


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


def _candidates(rng: np.random.Generator, n: int, family: Family, tier: Tier, window: Window) -> Motion:
    """Draw n paths whose *mean position* lies uniformly around the origin, so that place says nothing of class."""
    motion = FAMILIES[family](rng, n, tier, window.length_s)
    offset = np.stack([tier.offset.sample(rng, n) for _ in range(3)], axis=1)
    return replace(motion, centre=offset - motion.positions(window.times_s).mean(axis=1))


def draw_family(rng: np.random.Generator, n: int, family: Family, tier: Tier, window: Window) -> Drawn:
    """Draw until n clips of `family` have every centre, seen or not, inside the picture."""
    motions, rotations, positions = [], [], []
    accepted = drawn = 0
    focal_px = tier.focal_px_at_64 * window.size_px / 64
    for _ in range(_MAX_ROUNDS):
        count = max(64, 2 * (n - accepted))
        motion = _candidates(rng, count, family, tier, window)
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
            cameras = Cameras(np.concatenate(rotations), np.concatenate(positions), focal_px, window.size_px)
            return Drawn(motion, cameras, drawn)
    raise SamplingError(f"tier {tier.name}: only {accepted} of {drawn} {family.name.lower()} paths stay in view")
