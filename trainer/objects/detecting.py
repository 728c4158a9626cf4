"""What every detector is asked, and what it refuses to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.objects.detections import Detections

if TYPE_CHECKING:
    from torch import Tensor

FRAMES_AT_ONCE = 128
"""Bounds the memory of a long video."""


class Finder(Protocol):
    """Finds objects in the frames of one clip; what is said of a frame depends on no later one."""

    @property
    def threshold(self) -> float:
        """The score from which on a box is given."""

    @property
    def least(self) -> float:
        """The threshold for average precision, which asks for boxes that are hardly believed too."""

    def at(self, threshold: float) -> Self:
        """Return the same detector with another threshold."""

    def detect(self, video: NDArray[Any]) -> Detections:
        """Return what is in a video (T, 3, H, W), uint8 or float32 in [0, 1]; a feature of a box is its colour, three
        numbers in [0, 1]. Raises `DataError` for anything else.
        """


def check_frames(video: NDArray[Any]) -> NDArray[Any]:
    """Return the video if it is one (T, 3, H, W) of usable numbers; say what it is instead."""
    shape = video.shape
    if video.ndim != 4:
        several = ": several clips, give them one by one" if video.ndim == 5 else ""
        raise DataError(f"a video of shape {shape}{several}", hint="a detector takes one clip (T, 3, H, W)")
    if shape[1] != 3:
        for axis, order in ((3, "(T, H, W, 3): its colours come last"), (0, "(3, T, H, W): its colours come first")):
            if shape[axis] == 3:
                raise DataError(
                    f"a video of shape {shape} is {order}",
                    hint=f"a detector takes (T, 3, H, W): numpy.moveaxis(video, {axis}, 1)",
                )
        raise DataError(f"a video of shape {shape} has {shape[1]} channels, not 3", hint="(T, 3, H, W) is needed")
    if 0 in shape[2:]:
        raise DataError(f"a video of shape {shape} has no pixels")
    if video.dtype not in (np.uint8, np.float32):
        raise DataError(f"a video of {video.dtype}", hint="uint8, or float32 from 0 to 1, is needed")
    if video.dtype == np.float32 and not (
        np.isfinite(video).all() and video.min(initial=0) >= 0 <= 1 - video.max(initial=0)
    ):
        raise DataError("a float32 video with numbers that are not finite, or not from 0 to 1", hint="divide it by 255")
    return video


def by_frame(count: int, frame: Tensor, boxes: Tensor, scores: Tensor, looks: Tensor) -> Detections:
    """Return the boxes of `count` frames, each given with its frame, ascending."""
    edges = np.searchsorted(frame.cpu().numpy(), np.arange(1, count))
    parts = (boxes, scores, looks)
    boxes_, scores_, looks_ = (np.split(part.float().cpu().numpy(), edges) if count else [] for part in parts)
    return Detections(boxes_, scores_, looks_)
