"""Detections without a detector: true boxes, or true boxes spoiled as a detector would spoil them.

With these, trackers and all that follows can be measured before a detector exists, and apart from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.truth import COUNTS_FROM
from trainer.objects.boxes import usable
from trainer.objects.detections import Detections
from trainer.objects.true_objects import TrueObjects

WHOLE = 0.9
"""An object of which more than this share is seen is as good as whole."""


@dataclass(frozen=True)
class Flaws:
    """What goes wrong between an object and its box, in a picture of `size_px`."""

    missed: float = 0.02
    """Share of whole objects that are not found."""
    hidden_missed: float = 0.4
    """Share of objects just seen enough to count that are not found; between the two it falls in a line."""
    place_px: float = 0.4
    """Standard deviation of the centre."""
    size_px: float = 0.3
    """Standard deviation of width and height."""
    false_per_frame: float = 0.05
    """Boxes of nothing, on average, where a true box of the clip might be."""
    look: float = 0.1
    """Standard deviation of each number of a feature, which is the object's colour from 0 to 1."""


def true_detections(objects: TrueObjects) -> Detections:
    """Return the boxes of everything that counts, sure and exact; the feature is the colour."""
    frame, row = np.nonzero(objects.counts.T)
    return _by_frame(objects, frame, objects.boxes[row, frame], np.ones(len(row)), objects.colours[row] / 255)


def perturbed_detections(objects: TrueObjects, rng: np.random.Generator, flaws: Flaws = Flaws(),
                         picture_px: float = 64) -> Detections:  # fmt: skip
    """Return boxes as a detector with such flaws would; the same generator state gives the same boxes.

    Objects that do not count are found at the rate at which one that just counts is, times the share seen.
    """
    frame, row = np.nonzero((objects.counts | objects.ignored).T)
    seen = objects.visible[row, frame]
    missed = np.interp(seen, [COUNTS_FROM, WHOLE], [flaws.hidden_missed, flaws.missed])
    found = rng.random(len(row)) < (1 - missed) * np.minimum(seen / COUNTS_FROM, 1)
    frame, row, seen = frame[found], row[found], seen[found]
    n = len(row)
    shift = rng.normal(0, flaws.place_px, (n, 2))
    grown = rng.normal(0, flaws.size_px, (n, 2)) / 2
    boxes = objects.boxes[row, frame] + np.concatenate([shift - grown, shift + grown], axis=1)
    looks = objects.colours[row] / 255 + rng.normal(0, flaws.look, (n, 3))
    scores = np.clip(rng.normal(0.6 + 0.35 * seen, 0.05), 0, 1)

    false = rng.poisson(flaws.false_per_frame, objects.frame_count)
    false_frame, m = np.repeat(np.arange(len(false)), false), int(false.sum())
    sides = rng.choice(boxes[:, 2:] - boxes[:, :2], m) if n else np.full((m, 2), picture_px / 10)
    corner = rng.random((m, 2)) * (picture_px - sides)
    return _by_frame(
        objects,
        np.concatenate([frame, false_frame]),
        np.concatenate([boxes, np.concatenate([corner, corner + sides], axis=1)]),
        np.concatenate([scores, np.clip(rng.normal(0.5, 0.15, m), 0, 1)]),
        np.concatenate([looks, rng.random((m, 3))]),
    )


def _by_frame(objects: TrueObjects, frame: NDArray[np.int64], boxes: NDArray[np.floating], scores: NDArray[np.floating],
              looks: NDArray[np.floating]) -> Detections:  # fmt: skip
    """Sort by frame, and drop boxes that the flaws left without a size."""
    good = np.flatnonzero(usable(boxes))
    order = good[np.argsort(frame[good], kind="stable")]
    edges = np.searchsorted(frame[order], np.arange(1, objects.frame_count))
    return Detections(*(np.split(part[order].astype(np.float32), edges) for part in (boxes, scores, looks)))
