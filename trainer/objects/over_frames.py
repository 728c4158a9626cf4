"""What the frames before say of a box.

A shape of clutter looks like a sphere in one frame of many, a sphere that is half hidden like clutter, and larger or
smaller than it is. So whatever stands out of a frame, with whatever score, is linked to what it was before. Its score
is half what its own frame says and half the mean of its frames so far, and no side is far off the mean of those.
Seq-NMS (Han et al. 2016, arXiv:1602.08465) takes the mean score over a whole clip; here no later frame counts, for a
decision must not know the future, and the own frame counts more, for a link may be wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.objects.boxes import Boxes, Floats
from trainer.objects.detections import Detections
from trainer.objects.tracker import IoUTracker

BOUND = 5.0
"""No frame is surer than this, a logit, of what is seen more than once: one alone must not outweigh many."""
MOST_RESIZED = 0.1
"""A side differs from the mean of its track by no more than this, a logarithm; within, the own frame knows best."""
BRIGHTNESS_WEIGHT, SCORE_WEIGHT = 0.2, 0.025
"""What brightness and score count in the likeness of two sightings, where the direction of the colour counts 1: a small
shape is brighter or darker by where it lies among the pixels. What is surely an object is not linked to what surely is
none: else what comes up beside clutter would be lost.
"""
DARK = 0.05
"""A colour weaker than this has no direction."""


def linker() -> IoUTracker:
    """Return the tracker that links sightings. Clutter stands or drifts, spheres that are fast find no partner, and a
    clue of more than two frames ago is none.
    """
    return IoUTracker.for_objects(gate="distance", reach=1.2, size_ratio=1.6, appearance=0.2, max_age=1)


def over_frames(found: Detections, height: int, width: int) -> Detections:
    """Return the boxes of a clip, unsure ones and their colours among them, with other scores and sizes; pictures have
    `height` x `width` px. What is seen for the first time stays as it is, and so do all centres.
    """
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *found.boxes])
    scores = np.concatenate([np.zeros(0, np.float32), *found.scores])
    leads = bounded_logit(scores)
    track = linker().link(Detections(found.boxes, found.scores, found.split(_clues(found, leads))))
    said = np.column_stack([leads, np.log(boxes[:, 2:] - boxes[:, :2])])
    means, hits = means_so_far(found.split(said), found.split(track))
    lead = (said[:, 0] + means[:, 0]) / 2
    sides = np.exp(np.clip(said[:, 1:], means[:, 1:] - MOST_RESIZED, means[:, 1:] + MOST_RESIZED))
    again = hits > 1
    resized = _resized(boxes, sides, (width, height))
    return Detections(
        found.split(np.where(again[:, None], resized, boxes)),
        found.split(np.where(again, 1 / (1 + np.exp(-lead)), scores).astype(np.float32)),
        found.features,
    )


def bounded_logit(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logits of scores, from -`BOUND` to `BOUND`."""
    least = 1 / (1 + np.exp(BOUND))
    score = np.clip(scores.astype(np.float64), least, 1 - least)
    return np.log(score / (1 - score))


def means_so_far(said: list[Floats], track: list[NDArray[np.int64]]) -> tuple[Floats, NDArray[np.int64]]:
    """Return for each of N sightings the mean of what was said (n, D) of its track up to its frame, and of how many,
    (N, D) and (N,); given by frame, with the track of each.
    """
    tracks = 1 + max((int(ids.max()) for ids in track if len(ids)), default=-1)
    total, hits = np.zeros((tracks, said[0].shape[1] if said else 3)), np.zeros(tracks, np.int64)
    means, counts = [np.zeros((0, total.shape[1]))], [np.zeros(0, np.int64)]
    for values, ids in zip(said, track, strict=True):
        total[ids] += values
        hits[ids] += 1
        means.append(total[ids] / hits[ids, None])
        counts.append(hits[ids])
    return np.concatenate(means), np.concatenate(counts)


def _clues(found: Detections, leads: Floats) -> Floats:
    """Return what two sightings of one thing have alike, (N, 5)."""
    colour = np.concatenate([np.zeros((0, 3), np.float32), *(found.features or [])])
    strength = np.linalg.norm(colour, axis=1, keepdims=True)
    direction = colour / np.maximum(strength, DARK)
    return np.concatenate([direction, BRIGHTNESS_WEIGHT * strength, SCORE_WEIGHT * leads[:, None]], axis=1)


def _resized(boxes: Boxes, sides: Floats, most: tuple[int, int]) -> Boxes:
    """Return boxes of the same centres with other sides (N, 2), cut at the border."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([np.maximum(centre - sides / 2, 0), np.minimum(centre + sides / 2, most)], axis=1).astype(
        np.float32
    )
