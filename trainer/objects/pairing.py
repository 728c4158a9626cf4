"""Tracks beside the truth of their clip, frame by frame, for `tracking_metrics` to count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trainer.objects.boxes import Boxes, iou
from trainer.objects.tracking_metrics import Frame
from trainer.objects.tracks import Track
from trainer.objects.true_objects import TrueObjects

AGREES = 0.5
"""IoU from which a box is on an object."""


def paired_frames(objects: TrueObjects, tracks: Sequence[Track]) -> list[Frame]:
    """Return every frame of a clip. Boxes on objects that are ignored are left out, as those objects are."""
    lengths = [len(track) for track in tracks]
    ids = np.repeat(np.array([track.id for track in tracks], np.int64), lengths)
    frame = np.concatenate([np.zeros(0, np.int64), *(track.frames for track in tracks)])
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(track.boxes for track in tracks)])
    order = np.argsort(frame, kind="stable")
    parts = np.split(order, np.searchsorted(frame[order], np.arange(1, objects.frame_count)))
    return [_frame(objects, number, ids[part], boxes[part]) for number, part in enumerate(parts)]


def _frame(objects: TrueObjects, number: int, ids: NDArray[np.int64], boxes: Boxes) -> Frame:
    counts, ignored = objects.counts[:, number], objects.ignored[:, number]
    true = objects.boxes[:, number]
    if ignored.any() and len(ids):
        kept = ~on_ignored(iou(true[counts], boxes), iou(true[ignored], boxes))
        ids, boxes = ids[kept], boxes[kept]
    return Frame(objects.ids[counts], ids, iou(true[counts], boxes).astype(np.float64))


def on_ignored(counted: NDArray[np.floating], ignored: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which of m boxes are on an ignored object, given their IoU with counted (n, m) and ignored ones (k, m).

    Objects and boxes are paired one to one; a box goes to an object that counts wherever it can (as in COCO).
    """
    common = np.concatenate([counted + 1, ignored])
    common *= np.concatenate([counted, ignored]) >= AGREES
    row, column = linear_sum_assignment(common, maximize=True)
    found = np.zeros(common.shape[1], bool)
    found[column[(row >= len(counted)) & (common[row, column] > 0)]] = True
    return found
