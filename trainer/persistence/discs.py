"""The bright things of a clip as discs, and the tracker that suits them: what `persistence` is decided by.

Peaks of a matched filter that stand out of the noise, each with the disc that gives as much light
(`trainer.persistence.aperture`): of what shape a thing is, its box does not say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trainer.models.classical import PEAK_SIDE
from trainer.objects.detecting import check_frames
from trainer.objects.detections import Detections
from trainer.objects.tracker import IoUTracker
from trainer.objects.tracks import Track
from trainer.persistence.aperture import Array, light_of

CELLS = 32
"""Of a picture, across; a thing is about two of them wide."""
BLUR = 0.75
"""Of the matched filter, in cells."""
MOST = 32
"""Peaks of a frame that are looked at, the highest first: no frame of noise makes a clip slow."""


@dataclass(frozen=True)
class DiscDetector:
    """A `trainer.objects.detecting.Finder`; a score is the height of a peak in noise deviations."""

    threshold: float = 8.0
    least = 5.0

    def at(self, threshold: float) -> Self:
        return replace(self, threshold=threshold)

    def detect(self, video: NDArray[Any]) -> Detections:
        """See `Finder.detect`; boxes have no features."""
        whole = check_frames(video).dtype == np.uint8
        if not len(video) or min(video.shape[2:]) < _cell_px(video.shape[2]):
            nothing = np.zeros((0, 4), np.float32)
            return Detections([nothing] * len(video), [nothing[:, 0]] * len(video))
        pictures = video.sum(axis=1, dtype=np.uint16 if whole else np.float32) / np.float32(3 * 255 if whole else 3)
        frame, place, score, dark = _peaks(pictures, self.threshold)
        centre, radius = light_of(pictures - dark, frame, place)
        boxes = np.concatenate([centre - radius[:, None], centre + radius[:, None]], axis=1)
        edges = np.searchsorted(frame, np.arange(1, len(pictures)))
        return Detections(np.split(boxes, edges), np.split(score, edges))


def _peaks(pictures: Array, threshold: float) -> tuple[NDArray[np.intp], Array, Array, Array]:
    """Return frame (N,), place (N, 2) in px and height (N,) of the peaks of (T, H, W), frame by frame, the highest
    first, and the background of each frame (T, 1, 1).
    """
    cell = _cell_px(pictures.shape[1])
    height, width = (side - side % cell for side in pictures.shape[1:])
    parts = [pictures[:, y:height:cell, x:width:cell] for y in range(cell) for x in range(cell)]
    blurred = ndimage.gaussian_filter(sum(parts) / cell**2, (0, BLUR, BLUR), mode="nearest", truncate=2.5)
    dark = _middle(blurred)
    above = blurred - dark
    response = above / (1.4826 * _middle(np.abs(above)) + 1e-3)
    highest = ndimage.maximum_filter(response, (1, PEAK_SIDE, PEAK_SIDE))
    frame, row, column = np.nonzero((response == highest) & (response > threshold))
    score = response[frame, row, column]
    order = np.lexsort((-score, frame))
    order = order[np.arange(len(order)) - np.searchsorted(frame, frame) < MOST]
    place = (np.stack([column, row], axis=1)[order] + 0.5) * cell
    return frame[order], place.astype(np.float32), score[order], dark


def _cell_px(height: int) -> int:
    """Return the side of the cells that peaks are sought in: about half of what shows, in pictures of any size."""
    return max(1, round(height / CELLS))


def _middle(pictures: Array) -> Array:
    """Return the median of each of (T, H, W), as (T, 1, 1)."""
    half = pictures[0].size // 2
    return np.partition(pictures.reshape(len(pictures), -1), half, axis=1)[:, half, None, None]


def clip_tracker() -> IoUTracker:
    """Return the tracker for `persistence`: few things that may move farther than their size between two sightings.

    Chosen on clips of a seed of their own (3): with it, the span of the longest track tells most.
    """
    return IoUTracker.for_objects(gate="distance", motion="turning", reach=1.0, size_ratio=1.35, max_age=3)


def longest(tracks: list[Track], count: int) -> list[Track]:
    """Return the `count` tracks of most hits, the longest first; of equal ones the surer first."""
    return sorted(tracks, key=lambda track: (-len(track), -float(track.scores.sum()), track.id))[:count]
