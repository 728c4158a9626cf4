"""The bright things of a clip as discs, and the tracker that suits them: what `persistence` is decided by.

Peaks of the matched filter that stand out of the noise, each with the disc that fits it best
(`trainer.models.classical`): centre and radius to a part of a pixel. A disc has no corners: of what shape a thing is,
its box does not say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from trainer.models.classical import FILTER_SD_PX, PEAK_SIDE, SHRINK, fit_discs, matched_filter
from trainer.objects.detecting import check_frames
from trainer.objects.detections import Detections
from trainer.objects.tracker import IoUTracker
from trainer.objects.tracks import Track

APART = 0.8
"""Centres nearer than so many radii of the larger are of one thing."""
MOST = 32
"""Peaks of a frame that are looked at, the highest first: no frame of noise makes a clip slow."""


@dataclass(frozen=True)
class DiscDetector:
    """A `trainer.objects.detecting.Finder`; a score is the height of a peak in noise deviations."""

    threshold: float = 8.0
    least = 5.0

    def at(self, threshold: float) -> Self:
        return replace(self, threshold=threshold)

    @torch.no_grad()
    def detect(self, video: NDArray[Any]) -> Detections:
        """See `Finder.detect`; boxes have no features."""
        scale = 255 if check_frames(video).dtype == np.uint8 else 1
        pictures = torch.from_numpy(video).float().mean(dim=1) / scale
        if not len(pictures):
            return Detections([], [])
        frame, place, score = _peaks(pictures, self.threshold)
        found = np.zeros((0, 4))
        if len(frame):
            centre, radius, _, _ = fit_discs(pictures[frame], place)
            found = torch.cat([centre, radius[:, None], score[:, None]], dim=1).double().numpy()
        sound = np.isfinite(found).all(axis=1)
        by_frame = [_distinct(found[(frame.numpy() == number) & sound]) for number in range(len(pictures))]
        boxes = [np.concatenate([one[:, :2] - one[:, 2:3], one[:, :2] + one[:, 2:3]], axis=1) for one in by_frame]
        return Detections([box.astype(np.float32) for box in boxes], [one[:, 3].astype(np.float32) for one in by_frame])


def _peaks(pictures: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return frame, place (px) and height of the peaks of (T, H, W), frame by frame, the highest first."""
    response = matched_filter(F.avg_pool2d(pictures, SHRINK), FILTER_SD_PX / SHRINK)
    highest = F.max_pool2d(response[:, None], PEAK_SIDE, stride=1, padding=PEAK_SIDE // 2)[:, 0]
    heights = torch.where((response == highest) & (response > threshold), response, 0.0).flatten(1)
    score, index = heights.topk(min(MOST, heights.shape[1]), dim=1)
    frame, rank = torch.nonzero(score, as_tuple=True)
    index, width = index[frame, rank], response.shape[2]
    return frame, (torch.stack([index % width, index // width], dim=1) + 0.5) * SHRINK, score[frame, rank]


def _distinct(discs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows (x, y, radius, score), surest first, that are not of one thing with a surer one."""
    kept: list[NDArray[np.float64]] = []
    for disc in discs:
        if all(np.hypot(*(disc[:2] - other[:2])) > APART * max(disc[2], other[2]) for other in kept):
            kept.append(disc)
    return np.array(kept).reshape(-1, 4)


def clip_tracker() -> IoUTracker:
    """Return the tracker for `persistence`: few things that may move farther than their size between two sightings.

    Chosen on clips of a seed of their own (3): with it, the span of the longest track tells most.
    """
    return IoUTracker.for_objects(gate="distance", motion="turning", reach=1.0, size_ratio=1.35, max_age=3)


def longest(tracks: list[Track], count: int) -> list[Track]:
    """Return the `count` tracks of most hits, the longest first; of equal ones the surer first."""
    return sorted(tracks, key=lambda track: (-len(track), -float(track.scores.sum()), track.id))[:count]
