"""What a tracker makes of the detections of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.objects.boxes import Boxes
from trainer.objects.detections import Detections


@dataclass(frozen=True)
class Track:
    """One object as it was followed through k frames; frames in which it was not seen are not among them."""

    id: int
    frames: NDArray[np.int64]
    """Ascending, (k,)."""
    boxes: Boxes
    """As detected, (k, 4)."""
    scores: NDArray[np.float32]
    """(k,)."""
    rows: NDArray[np.int64]
    """Which of the clip's detections these are, numbered through all frames, (k,)."""

    def __len__(self) -> int:
        return len(self.frames)


def tracks_of(ids: NDArray[np.int64], detections: Detections, min_hits: int = 1) -> list[Track]:
    """Return the tracks of at least `min_hits` boxes, in the order of their ids.

    `ids` is the track of each detection, numbered through all frames, (N,); one below zero is of no track.
    """
    order = np.argsort(ids, kind="stable")
    known, first, hits = np.unique(ids[order], return_index=True, return_counts=True)
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *detections.boxes])
    scores = np.concatenate([np.zeros(0, np.float32), *detections.scores])
    frames = detections.frames
    found = []
    for number, begin, count in zip(known.tolist(), first.tolist(), hits.tolist(), strict=True):
        if number >= 0 and count >= min_hits:
            rows = order[begin : begin + count]
            found.append(Track(number, frames[rows], boxes[rows], scores[rows], rows))
    return found
