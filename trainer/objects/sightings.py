"""A clip as the object stage takes it: every box with its frame, its track, its place and its looks; and the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from renderer.scenes import Persistence
from trainer.objects.boxes import Boxes, iou
from trainer.objects.detections import Detections
from trainer.objects.pairing import AGREES
from trainer.objects.patches import cut_patches
from trainer.objects.tracker import IoUTracker
from trainer.objects.true_objects import TrueObjects

PATCH_SIDE = 8
APPEARANCE = 0.45
"""Colours so far apart are of two objects (docs/objects.md)."""
MOST_A_FRAME = 48
"""Boxes of a frame that are looked at, the surest: work grows with the square of their number."""
NOBODY = -1
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sightings:
    """The n boxes of one clip, in order of their frames; each knows nothing of later ones."""

    frame: Ints
    """Ascending, (n,)."""
    boxes: Boxes
    """In px, (n, 4)."""
    patches: NDArray[np.uint8]
    """(n, 3, side, side)."""
    index: Ints
    """Number of the box within its frame, the surest first, (n,)."""
    track: Ints
    """Number of its track, 0, 1, ... in the order of births; tracks of one hit are among them, (n,)."""
    scores: NDArray[np.float32]
    """(n,)."""
    frames: int
    """T of the clip."""
    size_px: tuple[int, int]
    """Height and width of the picture."""
    dropped: int = 0
    """Boxes that were too many."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def tracks(self) -> int:
        """How many tracks there are."""
        return int(self.track.max(initial=-1)) + 1

    def until(self, frame: int) -> int:
        """Return how many of the boxes are seen up to a frame, it included."""
        return int(np.searchsorted(self.frame, frame, side="right"))

    def hits(self) -> NDArray[np.int64]:
        """Return how often each track was hit up to each frame, (tracks, T)."""
        count = np.zeros((self.tracks, self.frames), np.int64)
        np.add.at(count, (self.track, self.frame), 1)
        return count.cumsum(axis=1)


def object_tracker() -> IoUTracker:
    """Return the tracker of the object stage."""
    return IoUTracker.for_objects(appearance=APPEARANCE)


def sight(video: NDArray[np.uint8], detections: Detections, side: int = PATCH_SIDE) -> Sightings:
    """Follow the boxes of a clip (T, 3, H, W), and cut out what each shows."""
    kept = _surest(detections)
    frame = kept.frames
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *kept.boxes])
    return Sightings(
        frame=frame,
        boxes=boxes,
        patches=cut_patches(video, frame, boxes, side),
        index=np.concatenate([np.zeros(0, np.int64), *(np.arange(len(one)) for one in kept.boxes)]),
        track=object_tracker().link(kept),
        scores=np.concatenate([np.zeros(0, np.float32), *kept.scores]),
        frames=detections.frame_count,
        size_px=(video.shape[2], video.shape[3]),
        dropped=len(detections) - len(kept),
    )


def _surest(detections: Detections) -> Detections:
    """Return the surest boxes of each frame, the surest first; without looks, all look alike."""
    orders = [np.argsort(-np.asarray(scores), kind="stable")[:MOST_A_FRAME] for scores in detections.scores]
    looks = detections.features or [np.zeros((len(scores), 3), np.float32) for scores in detections.scores]
    parts = (detections.boxes, detections.scores, looks)
    return Detections(*([one[order] for one, order in zip(part, orders, strict=True)] for part in parts))


@dataclass(frozen=True)
class Meaning:
    """What the boxes of a clip are truly of."""

    object: Ints
    """Row of the object in the truth of the clip that each box is on, `NOBODY` for none, (n,)."""
    kind: Ints
    """`Persistence` of that object, `NOBODY` for none, (n,)."""
    track_object: Ints
    """Object that each track is on most often, `NOBODY` for one of nothing, (tracks,)."""
    track_kind: Ints
    """Its `Persistence`; what is nothing does not persist, (tracks,)."""


def mean(seen: Sightings, objects: TrueObjects) -> Meaning:
    """Pair the boxes of every frame with its objects, one to one, from IoU 0.5 on; those that count come first."""
    on = np.full(len(seen), NOBODY)
    edges = np.searchsorted(seen.frame, np.arange(seen.frames + 1))
    for frame in range(seen.frames):
        there = np.flatnonzero(objects.counts[:, frame] | objects.ignored[:, frame])
        own = np.arange(edges[frame], edges[frame + 1])
        common = iou(objects.boxes[there, frame], seen.boxes[own])
        worth = (common + objects.counts[there, frame, None]) * (common >= AGREES)
        row, column = linear_sum_assignment(worth, maximize=True)
        sound = worth[row, column] > 0
        on[own[column[sound]]] = there[row[sound]]
    votes = np.zeros((seen.tracks, len(objects.ids)), np.int64)
    real = on != NOBODY
    np.add.at(votes, (seen.track[real], on[real]), 1)
    some = votes.any(axis=1)
    track_object = np.where(some, votes.argmax(axis=1) if votes.size else NOBODY, NOBODY)
    kinds = np.append(objects.kinds.astype(np.int64), NOBODY)
    return Meaning(on, kinds[on], track_object, np.where(some, kinds[track_object], Persistence.TRANSIENT))
