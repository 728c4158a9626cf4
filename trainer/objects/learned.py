"""A trained detector, from its checkpoint alone, as a finder of objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.checkpoint import load_network
from trainer.objects.detecting import FRAMES_AT_ONCE, by_frame, check_frames
from trainer.objects.detections import Detections
from trainer.objects.detector import ANY_PEAK, LEAST_SCORE, THRESHOLD, Detector, Peaks, decode
from trainer.objects.over_frames import over_frames
from trainer.objects.seen_once import seen_once


@dataclass(frozen=True)
class LearnedDetector:
    """The network of a run of problem `detector`, and what the frames before say of what it finds. It takes pictures of
    any size, but see `flags`.
    """

    model: Detector
    size_px: int
    """Side of the pictures that it was trained on."""
    threshold: float = THRESHOLD
    single_frame: bool = False
    """Each frame is judged by itself."""
    least = LEAST_SCORE

    def at(self, threshold: float) -> Self:
        return replace(self, threshold=threshold)

    @classmethod
    def load(cls, place: str) -> Self:
        """Read a checkpoint, or the best one of a run's folder. Raises `CheckpointError`."""
        hint = "`trainer run --config detector`"
        model, known = load_network(place, "detector", "detector", hint, lambda known: Detector(known["width"]))
        return cls(model, known["size_px"])

    def flags(self, height: int, width: int) -> list[str]:
        """Return what to be wary of in pictures of this size."""
        if (height, width) == (self.size_px, self.size_px):
            return []
        return [
            f"detector trained on pictures of {self.size_px} x {self.size_px} px, these have {height} x {width}: "
            "it may miss objects larger or smaller than those"
        ]

    @torch.inference_mode()
    def detect(self, video: NDArray[Any]) -> Detections:
        """See `Finder.detect`."""
        check_frames(video)
        device, parts = next(self.model.parameters()).device, []
        for begin in range(0, len(video), FRAMES_AT_ONCE):
            frames = torch.from_numpy(video[begin : begin + FRAMES_AT_ONCE]).to(device)
            peaks = decode(self.model(frames), ANY_PEAK)
            parts.append(Peaks(peaks.frame + begin, peaks.boxes, peaks.scores, peaks.looks))
        names = ("frame", "boxes", "scores", "looks")
        if not parts:
            return Detections([], [], [])
        found = seen_once(by_frame(len(video), *(torch.cat([getattr(part, name) for part in parts]) for name in names)))
        if not self.single_frame:
            found = over_frames(found, *video.shape[2:])
        return found.where(np.concatenate(found.scores) >= self.threshold)
