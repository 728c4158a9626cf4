"""The classical detector, which learns nothing: what stands out of the noise, its connected regions, their boxes.

It cannot tell objects apart that touch, nor a sphere from another shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.models.classical import components
from trainer.objects.boxes import usable
from trainer.objects.detecting import check_frames
from trainer.objects.detections import Detections


@dataclass(frozen=True)
class ClassicalDetector:
    """`trainer.models.classical.components` of every frame; a score is the height of a peak in noise deviations."""

    threshold: float = 14.0
    least = 8.0

    def at(self, threshold: float) -> Self:
        return replace(self, threshold=threshold)

    def detect(self, video: NDArray[Any]) -> Detections:
        """See `Finder.detect`."""
        check_frames(video)
        scale = 255 if video.dtype == np.uint8 else 1
        light = np.asarray(video, np.float32) / scale
        found = components(torch.from_numpy(light).mean(dim=1), self.threshold)
        kept = usable(found.box)
        frame, boxes, scores = found.frame[kept], found.box[kept], found.score[kept]
        looks = np.array([_colour(light[at], box) for at, box in zip(frame, boxes, strict=True)], np.float32)
        edges = np.searchsorted(frame, np.arange(1, len(video)))
        parts = (boxes, scores, looks.reshape(-1, 3))
        return Detections(*(np.split(part, edges) if len(video) else [] for part in parts))


def _colour(picture: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median colour of the box's pixels (3, H, W), which are whole ones."""
    left, top, right, bottom = box.astype(int)
    return np.asarray(np.median(picture[:, top:bottom, left:right], axis=(1, 2)), np.float32)
