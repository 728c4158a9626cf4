"""Tracks of two cameras to points of the world: pair, triangulate, refuse what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.objects.tracks import Track
from trainer.stereo.association import NOISE_PX, Pairs, associate
from trainer.stereo.camera import Camera, Floats, check_apart
from trainer.stereo.seen import Seen
from trainer.stereo.smoothing import smooth
from trainer.stereo.triangulation import Points, triangulate

REFUSED_FROM = 2.0
"""A point is refused if its pictures are off by so many times the noise."""
_ENOUGH = 10
"""Points from which on a clip tells its own noise."""
_MEDIAN = 0.6745
"""Of the absolute value of a standard normal deviate."""


@dataclass(frozen=True)
class Reconstruction:
    """N points of one clip, by pair and frame."""

    pairs: NDArray[np.int64]
    """Ids of the two tracks of each pair, (P, 2)."""
    pair: NDArray[np.int64]
    """Of each point, ascending, (N,)."""
    frame: NDArray[np.int64]
    """Ascending within a pair, (N,)."""
    rows: NDArray[np.int64]
    """Which boxes of the two views it is of, (N, 2)."""
    points: Points
    expected_noise_px: float
    """What was taken for granted of the boxes."""

    def __len__(self) -> int:
        return len(self.pair)

    @property
    def noise_px(self) -> float:
        """Standard deviation of a box's centre, as far as this clip shows it: across the epipolar lines."""
        if len(self) < _ENOUGH:
            return self.expected_noise_px
        # Three of four pixel coordinates are used up by the point: what is left of the squares is one deviate's.
        return float(np.median(2 * self.points.error_px)) / _MEDIAN

    def smoothed(self, how: str) -> Floats:
        """Return the positions (N, 3) after one of `smoothing.SMOOTHERS`."""
        points = self.points
        return smooth(how, points.position, points.covariance, self.pair, self.frame, self.noise_px)


def reconstruct(views: tuple[Sequence[Track], Sequence[Track]], cameras: tuple[Camera, Camera],
                frames: tuple[int, int], noise_px: float = NOISE_PX) -> Reconstruction:  # fmt: skip
    """Return the points that two cameras see: of boxes whose rays meet well enough, ahead of both, at an angle that
    tells the depth. `views` are the tracks of each camera, `frames` how many each filmed, `noise_px` the standard
    deviation of a box's centre.

    Raises `DataError` for cameras that coincide, clips of unequal length, and boxes that cannot be.
    """
    check_apart(*cameras)
    if frames[0] != frames[1]:
        raise DataError(f"one camera has {frames[0]} frames, the other {frames[1]}",
                        hint="both must film the same moments: cut the longer clip")  # fmt: skip
    if not frames[0]:
        raise DataError("the clips have no frames")
    one, other = (Seen.of(tracks, count, f"camera {number}")
                  for number, (tracks, count) in enumerate(zip(views, frames, strict=True), 1))  # fmt: skip
    found = associate(one, other, *cameras, noise_px)
    return _points(views, cameras, one, other, found, noise_px)


def _points(views: tuple[Sequence[Track], Sequence[Track]], cameras: tuple[Camera, Camera], one: Seen, other: Seen,
            found: Pairs, noise_px: float) -> Reconstruction:  # fmt: skip
    pair, frame = np.nonzero(found.frames)
    first, second = (found.first[pair], frame), (found.second[pair], frame)
    points = triangulate(*cameras, one.centres[first], other.centres[second])
    good = points.sound & (points.error_px <= REFUSED_FROM * noise_px)
    ids = [[track.id for track in tracks] for tracks in views]
    return Reconstruction(
        np.array([(ids[0][a], ids[1][b]) for a, b in zip(found.first, found.second, strict=True)], int).reshape(-1, 2),
        pair[good],
        frame[good],
        np.stack([one.rows[first], other.rows[second]], axis=1)[good],
        points.take(good),
        noise_px,
    )
