"""Boxes of two cameras of somebody else's, from a JSON file to points."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import DataError, data_in
from trainer.objects.boxes import check_boxes
from trainer.objects.detections import Detections
from trainer.objects.tracker import IoUTracker
from trainer.objects.tracks import Track, tracks_of
from trainer.stereo.camera import Camera
from trainer.stereo.reconstruction import reconstruct

_SHAPE = '{"cameras": [{"K", "R", "t"}, {...}], "boxes": [camera][frame][box][left, top, right, bottom]}'


def lines_of(path: Path, least_hits: int, noise_px: float) -> Iterator[dict[str, Any]]:
    """Return the points of a file as JSON values, of tracks of at least so many boxes with centres off by so much.

    Raises `DataError` for what it cannot hold, and if nothing was seen by both cameras.
    """
    with data_in(path):
        cameras, boxes = _read(path)
        tracks = [_followed(view, number, least_hits) for number, view in enumerate(boxes, 1)]
        found = reconstruct((tracks[0], tracks[1]), cameras, (len(boxes[0]), len(boxes[1])), noise_px)
        if not len(found):
            raise DataError(
                f"nothing was seen by both cameras: {len(tracks[0])} and {len(tracks[1])} tracks, no two of one object",
                hint="are the boxes of the same frames, and t = -R C? an object must be seen by both in two frames",
            )
    parts = (found.pair, found.frame, found.points.position, found.smoothed("kalman"), found.points.error_px)
    for pair, frame, place, smoothed, off in zip(*(part.tolist() for part in parts), strict=True):
        yield {"pair": pair, "frame": frame, "position": place, "smoothed": smoothed, "error_px": off}


def _read(path: Path) -> tuple[tuple[Camera, Camera], list[list[Any]]]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"is no JSON: {exc}", hint=f"{_SHAPE} is needed") from exc
    try:
        first, second = (
            Camera.read(one["K"], one["R"], one["t"], f"camera {number}")
            for number, one in enumerate(content["cameras"], 1)
        )
        boxes = [list(view) for view in content["boxes"]]
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError("does not hold two cameras and their boxes", hint=f"{_SHAPE} is needed") from exc
    if len(boxes) != 2:
        raise DataError(f"holds the boxes of {len(boxes)} cameras, not of two", hint=f"{_SHAPE} is needed")
    return (first, second), boxes


def _followed(view: list[Any], number: int, least_hits: int) -> list[Track]:
    """Follow the boxes of one camera."""
    try:
        with np.errstate(over="ignore"):  # what is no float32 is infinite, and refused as such
            frames = [np.asarray(boxes, np.float32) for boxes in view]
    except (TypeError, ValueError) as exc:
        raise DataError(f"camera {number}: boxes are not four numbers each") from exc
    boxes = [check_boxes(found, f"camera {number}, frame {frame}") for frame, found in enumerate(frames)]
    detections = Detections(boxes, [np.ones(len(found), np.float32) for found in boxes])
    return tracks_of(IoUTracker.for_objects().link(detections), detections, least_hits)
