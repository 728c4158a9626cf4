"""The tracks of one camera side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.objects.boxes import check_boxes
from trainer.objects.tracks import Track
from trainer.stereo.camera import Floats


@dataclass(frozen=True)
class Seen:
    """n tracks in T frames."""

    centres: Floats
    """Of the boxes in px, (n, T, 2); anything where there is none."""
    sides: Floats
    """Geometric mean of width and height in px, (n, T); 1 where there is none."""
    rows: NDArray[np.int64]
    """Which of the clip's boxes it is, (n, T); below zero where there is none."""

    @property
    def present(self) -> NDArray[np.bool_]:
        """(n, T)."""
        return np.asarray(self.rows >= 0)

    @property
    def frame_count(self) -> int:
        return int(self.rows.shape[1])

    @classmethod
    def of(cls, tracks: Sequence[Track], frames: int, where: str = "tracks") -> Self:
        """Return tracks of a clip of so many frames. Raises `DataError` for boxes or frames that cannot be."""
        seen = cls(np.zeros((len(tracks), frames, 2)), np.ones((len(tracks), frames)),
                   np.full((len(tracks), frames), -1))  # fmt: skip
        for number, track in enumerate(tracks):
            boxes = check_boxes(track.boxes, f"{where}: track {track.id}").astype(np.float64)
            if len(track) and not 0 <= track.frames.min() <= track.frames.max() < frames:
                raise DataError(f"{where}: track {track.id} has frames {track.frames.min()} to {track.frames.max()}, "
                                f"the clip has 0 to {frames - 1}")  # fmt: skip
            seen.centres[number, track.frames] = (boxes[:, :2] + boxes[:, 2:]) / 2
            seen.sides[number, track.frames] = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
            seen.rows[number, track.frames] = track.rows
        return seen
