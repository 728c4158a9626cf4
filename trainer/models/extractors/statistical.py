"""`statistical`: how one bright object moves, in numbers anybody can name, then an MLP. Our own.

Our detector and tracker (`trainer.models.classical`) give centre and apparent radius a frame; a parabola fitted to
the seven frames around each (Savitzky & Golay 1964; fewer at the ends) gives the rest:

| numbers a frame | |
|---|---|
| x, y, log radius, 1 / radius      | position: the sphere has one true size, so 1 / radius is its depth |
| their first and second derivative | velocity, acceleration, of 1 / radius too |
| speed, cos and sin of direction   | direction fades to 0, 0 where the speed does |
| curvature                         | of the path on the picture |
| certainty                         | of the detector |

18 -> 128 -> 64. Nothing is learned from pixels, so it is fast, hardly minds noise (tested up to 0.12) and learns at
once; on the other hand it sees one bright object and nothing else.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from trainer.models.classical import Track, track_brightest
from trainer.models.extractor import FeatureExtractor

NUMBERS = 18
HIDDEN = 128
WINDOW = 7
"""Frames of a local parabola."""
COMMON_RADIUS = 0.08
"""Radius, in half-sides of the picture, that counts as 1."""
STEP_GAIN, TURN_GAIN = 10.0, 40.0
"""Bring steps and changes of steps (half-sides a frame) to about one."""
SLOW = 0.01
"""Half-sides a frame: well below it, direction and curvature are noise and fade to nothing."""


class StatisticalExtractor(FeatureExtractor):
    """D = 64."""

    full_dim = 64

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(width)
        hidden = max(1, round(HIDDEN * width))
        self.layers = nn.Sequential(nn.Linear(NUMBERS, hidden), nn.GELU(), nn.Linear(hidden, self.feature_dim))

    def features(self, video: Tensor) -> Tensor:
        with torch.autocast(video.device.type, enabled=False):
            numbers = statistics(track_brightest(video), video.shape[3], video.shape[4])
        return self.layers(numbers)


def statistics(track: Track, height: int, width: int) -> Tensor:
    """Return the numbers (B, T, 18) of tracks on pictures of `height` and `width`."""
    half_sides = track.place.new_tensor([width / 2, height / 2])
    place = track.place / half_sides - 1
    radius = (track.radius / (height / 2) / COMMON_RADIUS)[..., None]
    path = torch.cat([place, 1 / radius], dim=2)
    smooth, step, turn = (fit.to(path) @ path for fit in map(torch.from_numpy, local_parabolas(path.shape[1])))
    (vx, vy, _), (ax, ay, _) = step.unbind(2), turn.unbind(2)
    speed = (vx**2 + vy**2).sqrt()
    firm = (speed**2 + SLOW**2).sqrt()
    curvature = (vx * ay - vy * ax) / firm**3
    certainty = torch.log1p(track.certainty.clamp(min=0)) - 2
    shape = torch.stack([speed * STEP_GAIN, vx / firm, vy / firm, (curvature / 10).tanh(), certainty], dim=2)
    return torch.cat([place, radius.log(), path[..., 2:] - 1, smooth, step * STEP_GAIN, turn * TURN_GAIN, shape], dim=2)


@lru_cache(maxsize=16)
def local_parabolas(frames: int) -> np.ndarray:
    """Return the matrices (3, T, T) that map values to their smoothed self, first and second derivative a frame."""
    half = WINDOW // 2
    result = np.zeros((3, frames, frames), np.float32)
    for frame in range(frames):
        near = np.arange(max(0, frame - half), min(frames, frame + half + 1))
        powers = np.vander(near - frame, min(3, len(near)), increasing=True).astype(np.float64)
        fit = np.linalg.pinv(powers)
        for order, factor in zip(range(len(fit)), (1, 1, 2), strict=False):
            result[order, frame, near] = factor * fit[order]
    return result
