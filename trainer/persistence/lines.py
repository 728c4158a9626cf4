"""What `trainer filter` reads and says."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from renderer.video import render
from trainer.data.dataset import load_dataset
from trainer.data.manifest import has_manifest
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError, DataError, TrainerError
from trainer.objects.boxes import check_boxes
from trainer.objects.tracks import Track
from trainer.persistence.filter import Decision, PersistenceFilter, Video

Line = dict[str, Any]
HINT = '{"frames": 25, "tracks": [{"id": 0, "frames": [0, 1], "boxes": [[10, 10, 15, 15], [11, 10, 16, 15]]}]}'


def clip_lines(chosen: PersistenceFilter, place: Path, split: str, limit: int, explain: bool) -> Iterator[Line]:
    """Yield what the filter says of each clip of a file or a folder. Raises `DataError` that names the clip."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, video in _clips(place, split, limit):
            try:
                began = time.perf_counter()
                decision = chosen.decide(video)
                line = {"clip": name, **_said(decision, chosen), "ms": _ms(began)}
                yield line | ({"why": chosen.get_explanation(video)} if explain else {})
            except TrainerError as exc:
                raise DataError(f"{name}: {exc}", hint=exc.hint) from exc
    finally:
        torch.set_num_threads(threads)


def _clips(place: Path, split: str, limit: int) -> Iterable[tuple[str, Video]]:
    if has_manifest(place):
        if split not in SPLITS:
            raise ConfigError(f"no split {split!r}", hint=f"known: {', '.join(SPLITS)}")
        recipe = load_dataset(place).split(split)
        for row in range(min(limit or len(recipe), len(recipe))):
            yield f"{place}:{split}:{row}", render(recipe.take(np.array([row])))[0]
        return
    try:
        array = np.load(place, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise DataError(f"{place}: no clips: {exc}", hint="a file .npy, or a folder of `trainer generate`") from exc
    clips = array[None] if array.ndim == 4 else array
    if clips.ndim != 5:
        raise DataError(f"{place}: of shape {array.shape}", hint="uint8 (T, 3, H, W) or (n, T, 3, H, W) is needed")
    for row in range(min(limit or len(clips), len(clips))):
        yield f"{place}:{row}", np.array(clips[row])


def track_lines(chosen: PersistenceFilter, place: str, limit: int = 0) -> Iterator[Line]:
    """Yield what the filter says of each line of tracks. Raises `DataError` that names the line."""
    with sys.stdin if place == "-" else _opened(place) as file:
        for number, text in enumerate(file, 1):
            if limit and number > limit:
                return
            name = f"{place}:{number}"
            try:
                frames, tracks = read_tracks(text)
                began = time.perf_counter()
                decision = chosen.decide_tracks(tracks, frames=frames)
            except TrainerError as exc:
                raise DataError(f"{name}: {exc}", hint=exc.hint) from exc
            yield {"clip": name, **_said(decision, chosen), "ms": _ms(began)}


def _opened(place: str) -> Any:
    try:
        return Path(place).open(encoding="utf-8")
    except OSError as exc:
        raise DataError(f"{place} cannot be read: {exc.strerror}", hint="a file of JSON lines, or - for stdin") from exc


def read_tracks(text: str) -> tuple[int, list[Track]]:
    """Return the frames of a clip (0: not said) and its tracks from a line. Raises `DataError`."""
    try:
        content = json.loads(text)
        return int(content.get("frames", 0)), [_track(row, each) for row, each in enumerate(content["tracks"])]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise DataError(f"no line of tracks: {type(exc).__name__}: {exc}", hint=f"like {HINT}") from exc


def _track(row: int, said: dict[str, Any]) -> Track:
    number = int(said.get("id", row))
    frames, boxes = np.array(said["frames"], np.int64), check_boxes(said["boxes"], f"track {number}")
    scores = np.array(said.get("scores", np.ones(len(boxes))), np.float32)
    if not len(frames) == len(boxes) == len(scores):
        raise DataError(f"track {number}: {len(frames)} frames, {len(boxes)} boxes, {len(scores)} scores", hint=HINT)
    return Track(number, frames, boxes, scores, np.arange(len(frames)))


def _said(decision: Decision, chosen: PersistenceFilter) -> Line:
    tracks = [
        {
            "id": track.id,
            "first": int(track.frames[0]) + 1,
            "last": int(track.frames[-1]) + 1,
            "hits": len(track),
            "score": round(float(score), 4),
            "kept": bool(score >= chosen.threshold),
        }
        for track, score in zip(decision.tracks, decision.scores, strict=True)
    ]
    return {
        "persistent": bool(decision.is_persistent),
        "score": round(decision.confidence, 4),
        "threshold": round(chosen.threshold, 4),
        "decided_at_frame": decision.decided_at_frame,
        "tracks": tracks,
    }


def _ms(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 2)
