"""How well boxes find objects: recall, precision, average precision, false boxes a frame, recall by share seen.

Boxes and objects of a frame are paired as in COCO (Lin et al. 2014): the surest box first, each with the free object
that it overlaps most, from IoU 0.5 on, with an ignored one only if none that counts is free. Average precision is the
area under precision made monotonous, at every recall that occurs ("all points", PASCAL VOC since 2010; Everingham et
al. 2015), over the boxes of all clips together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.objects.boxes import iou
from trainer.objects.detections import Detections
from trainer.objects.true_objects import TrueObjects

AGREES = 0.5
BANDS = {"0.25 to 0.5": (0.25, 0.5), "0.5 to 0.9": (0.5, 0.9), "above 0.9": (0.9, 1.01), "above 0.75": (0.75, 1.01)}
"""Shares of an object that are seen, from and below."""


@dataclass(frozen=True)
class Matches:
    """What became of the boxes and objects of a clip; boxes on ignored objects are left out."""

    scores: NDArray[np.float32]
    """Of each box, (n,)."""
    hits: NDArray[np.bool_]
    """Which boxes found an object, (n,)."""
    visible: NDArray[np.float32]
    """Share seen of each object that counts, once a frame, (k,)."""
    found_by: NDArray[np.float32]
    """Score of the box that found each of these, minus infinity if none did, (k,)."""
    frames: int


@dataclass(frozen=True)
class DetectionScores:
    """The figures; NaN where there was nothing to find, or nothing was given."""

    recall: float
    precision: float
    average_precision: float
    """At IoU 0.5."""
    false_per_frame: float
    recall_by_visible: dict[str, float]
    """By `BANDS`."""
    objects: int
    """Boxes to be found."""
    boxes: int
    """Boxes given, those on ignored objects left out."""
    frames: int


def match_detections(objects: TrueObjects, detections: Detections) -> Matches:
    """Pair the boxes of a clip with its objects. Raises `DataError` for detections of another number of frames."""
    if detections.frame_count != objects.frame_count:
        raise DataError(f"detections of {detections.frame_count} frames for a clip of {objects.frame_count}")
    scores, hits, kept = [], [], []
    found_by = np.full(objects.counts.shape, -np.inf, np.float32)
    for frame, (boxes, score, _) in enumerate(detections):
        counted, ignored = np.flatnonzero(objects.counts[:, frame]), np.flatnonzero(objects.ignored[:, frame])
        rows = np.concatenate([counted, ignored])
        partner = _greedy(iou(boxes, objects.boxes[rows, frame]), score, len(counted))
        hit = (partner >= 0) & (partner < len(counted))
        found_by[counted[partner[hit]], frame] = score[hit]
        scores.append(score)
        hits.append(hit)
        kept.append(partner < len(counted))
    use = np.concatenate([np.zeros(0, bool), *kept])
    return Matches(
        scores=np.concatenate([np.zeros(0, np.float32), *scores])[use],
        hits=np.concatenate([np.zeros(0, bool), *hits])[use],
        visible=objects.visible[objects.counts],
        found_by=found_by[objects.counts],
        frames=objects.frame_count,
    )


def _greedy(overlap: NDArray[np.floating], scores: NDArray[np.float32], counted: int) -> NDArray[np.int64]:
    """Return the object of each box, -1 for none, (n,); the first `counted` of the columns come before the others."""
    partner = np.full(len(overlap), -1)
    common = np.where(overlap >= AGREES, overlap, 0)
    common[:, :counted] += common[:, :counted] > 0
    for box in np.argsort(-scores, kind="stable")[: len(overlap) if common.size else 0]:
        best = int(common[box].argmax())
        if common[box, best] > 0:
            partner[box] = best
            common[:, best] = 0
    return partner


def detection_scores(clips: Sequence[Matches], threshold: float = -math.inf) -> DetectionScores:
    """Return the figures of all clips together, those of boxes from a score on: a surer box takes its object before
    any other, so the rest of them changes nothing. Average precision is over all boxes.
    """
    scores, hits, visible, found_by = (
        np.concatenate([np.zeros(0, kind), *(getattr(clip, name) for clip in clips)])
        for name, kind in (("scores", np.float32), ("hits", bool), ("visible", np.float32), ("found_by", np.float32))
    )
    frames = sum(clip.frames for clip in clips)
    found, sure = found_by >= max(threshold, np.finfo(np.float32).min), hits[scores >= threshold]
    return DetectionScores(
        recall=_mean(found),
        precision=_mean(sure),
        average_precision=average_precision(scores, hits, len(found)),
        false_per_frame=float((~sure).sum()) / frames if frames else float("nan"),
        recall_by_visible={
            name: _mean(found[(visible >= low) & (visible < high)]) for name, (low, high) in BANDS.items()
        },
        objects=len(found),
        boxes=len(sure),
        frames=frames,
    )


def average_precision(scores: NDArray[np.floating], hits: NDArray[np.bool_], objects: int) -> float:
    """Return the area under the precision-recall curve of n boxes; boxes of one score are taken together."""
    if not objects:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    right = np.cumsum(hits[order])[last]
    precision = right / (np.flatnonzero(last) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(right, prepend=0) * precision).sum() / objects)


def _mean(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
