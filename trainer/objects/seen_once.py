"""Of several boxes on one object in one frame the surest is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.objects.boxes import Boxes, iou
from trainer.objects.detections import Detections

OVERLAP = 0.5
UNLIKE = 0.2
"""Channels from 0 to 1 that are so far apart are of two objects, however much these overlap."""


def seen_once(found: Detections) -> Detections:
    """Return the boxes that no surer one of their frame and colour overlaps by more than `OVERLAP`: non-maximum
    suppression among what looks alike, for objects do overlap. Features are colours.
    """
    looks = found.features or [np.zeros((len(boxes), 3), np.float32) for boxes in found.boxes]
    kept = [_is_own(*frame) for frame in zip(found.boxes, found.scores, looks, strict=True)]
    return found.where(np.concatenate([np.zeros(0, bool), *kept]))


def _is_own(boxes: Boxes, scores: NDArray[np.float32], looks: NDArray[np.float32]) -> NDArray[np.bool_]:
    order = np.argsort(-scores, kind="stable")
    rank = np.argsort(order)
    same = (iou(boxes, boxes) > OVERLAP) & (np.abs(looks[:, None] - looks).max(axis=2, initial=0) < UNLIKE)
    return ~(same & (rank < rank[:, None])).any(axis=1)
