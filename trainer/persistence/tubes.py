"""Crops of tracks as clips: what a tokenizer for crops is pretrained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.persistence.crops import SIDE
from trainer.persistence.watched import WatchedClips


class TubeSource:
    """A `trainer.data.source.ClipSource` of the longest track of each clip, black where there is none."""

    path = None
    size_px = SIDE

    def __init__(self, watched: WatchedClips) -> None:
        source = watched.source
        self.watched, self.frames = watched, source.frames
        self.labels, self.scene, self.class_names = source.labels, source.scene, source.class_names

    def __len__(self) -> int:
        return len(self.watched)

    def fill(self, rows: NDArray[np.int64], epoch: int, out: NDArray[np.uint8]) -> None:
        """See `ClipSource.fill`."""
        for place, seen in zip(out, self.watched.seen(rows), strict=True):
            place[:] = seen.crops[0].numpy() if len(seen.crops) else 0
