"""What a detector gives for one clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.objects.boxes import Boxes, check_boxes


@dataclass(frozen=True)
class Detections:
    """Boxes of T frames; a frame may have none. Raises `DataError` for boxes, scores or features that are unusable."""

    boxes: Sequence[Boxes]
    """Per frame (n, 4): left, top, right, bottom in px."""
    scores: Sequence[NDArray[np.float32]]
    """Per frame (n,), higher is surer."""
    features: Sequence[NDArray[np.float32]] | None = None
    """What each box looks like to the detector, per frame (n, D); None if it does not say."""

    def __post_init__(self) -> None:
        parts: dict[str, Sequence[NDArray[Any]]] = {"scores": self.scores}
        if self.features is not None:
            parts["features"] = self.features
        for frame, boxes in enumerate(self.boxes):
            check_boxes(boxes, f"frame {frame}")
        for name, part in parts.items():
            if [len(values) for values in part] != [len(boxes) for boxes in self.boxes]:
                raise DataError(f"detections: {name} are not one a box in every frame")
            if not all(np.isfinite(values).all() for values in part):
                raise DataError(f"detections: not all {name} are finite")

    @property
    def frame_count(self) -> int:
        """T, empty frames included."""
        return len(self.boxes)

    @property
    def frames(self) -> NDArray[np.int64]:
        """The frame of each box, boxes of all frames numbered through, (N,)."""
        return np.repeat(np.arange(self.frame_count), [len(boxes) for boxes in self.boxes])

    def split(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Return values of all boxes, numbered through, (N, ...), frame by frame."""
        edges = np.cumsum([0, *map(len, self.boxes)]).tolist()
        return [values[begin:end] for begin, end in pairwise(edges)]

    def where(self, kept: NDArray[np.bool_]) -> Detections:
        """Return some of the boxes, flagged as they are numbered through all frames, (N,)."""
        flags = self.split(kept)
        boxes, scores, features = (
            [values[flag] for values, flag in zip(part, flags, strict=True)]
            for part in (self.boxes, self.scores, self.features or self.scores)
        )
        return Detections(boxes, scores, None if self.features is None else features)

    def __len__(self) -> int:
        return sum(map(len, self.boxes))

    def __iter__(self) -> Iterator[tuple[Boxes, NDArray[np.float32], NDArray[np.float32] | None]]:
        """Boxes, scores and features of each frame."""
        nothing = [None] * self.frame_count
        return zip(self.boxes, self.scores, nothing if self.features is None else self.features, strict=True)
