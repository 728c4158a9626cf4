"""Boxes are float32 (n, 4): left, top, right, bottom in px, right and bottom exclusive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.errors import DataError

Boxes = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]


def iou(first: Floats, second: Floats) -> Floats:
    """Return intersection over union of every pair of boxes, (n, m) for (n, 4) and (m, 4)."""
    # Coordinates in rows of their own: strided ones make this four times as slow.
    one, other = np.ascontiguousarray(first.T), np.ascontiguousarray(second.T)
    sides = np.minimum(one[2:, :, None], other[2:, None])
    sides -= np.maximum(one[:2, :, None], other[:2, None])
    np.maximum(sides, 0, out=sides)
    shared, union = sides
    shared *= union
    np.add(_area(one)[:, None], _area(other), out=union)
    union -= shared
    shared /= union
    return shared


def _area(corners: Floats) -> Floats:
    width, height = corners[2:] - corners[:2]
    return width * height


def usable(boxes: Floats) -> NDArray[np.bool_]:
    """Return which boxes have finite numbers and a size above zero both ways, (n,)."""
    return np.logical_and(np.isfinite(boxes).all(axis=1), (boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def check_boxes(boxes: ArrayLike, where: str = "boxes") -> Boxes:
    """Return the boxes as float32 (n, 4); `[]` is none. Raises `DataError` that names the first box that is none."""
    found = np.asarray(boxes, np.float32)
    if found.shape == (0,):
        found = found.reshape(0, 4)
    if found.ndim != 2 or found.shape[1] != 4:
        raise DataError(f"{where}: of shape {found.shape}, not (n, 4)", hint="a row is left, top, right, bottom in px")
    if (found[:, 2:] > found[:, :2]).all() and np.isfinite(found).all():
        return found
    row = int(usable(found).argmin())
    numbers = ", ".join(f"{value:g}" for value in found[row])
    raise DataError(f"{where}: box {row} is [{numbers}], which {_fault(found[row])}",
                    hint="drop such boxes first: trainer.objects.boxes.usable tells which are sound")  # fmt: skip


def _fault(box: Boxes) -> str:
    if not np.isfinite(box).all():
        return "is not finite"
    width, height = box[2:] - box[:2]
    return "has a negative size" if min(width, height) < 0 else "has no size"
