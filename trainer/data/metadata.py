"""`metadata.json` beside videos: what `trainer generate --export` writes, and the plain forms that others write.

{"labels": [..], "class_names": [..], "scene": [..], "splits": {"train": [..], ..}, "trajectory_3d": ..}
    `labels` are numbers or names; all else is optional. `trajectory_3d` is a list (n, K, 3), or the name of an .npy.
[{"label": .., "scene": .., "split": "train", "trajectory_3d": ..}, ..]
    one object a clip; `class` is another word for `label`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.splits import SPLITS, Rows
from trainer.errors import DataError

METADATA_NAME = "metadata.json"
_SPLIT_NAMES = {"val": "validation", "valid": "validation"}
_PER_CLIP = {"label": "labels", "class": "labels", "scene": "scene", "split": "split", "trajectory_3d": "trajectory_3d"}


@dataclass(frozen=True)
class Metadata:
    """What is known of n clips beside their pixels."""

    labels: NDArray[np.int64]
    """Index into `class_names`, (n,)."""
    class_names: tuple[str, ...]
    scene: NDArray[np.int64]
    """(n,); every clip its own scene if nothing else is said."""
    rows: Rows | None
    """The clips of each split, or None."""
    trajectory_3d: NDArray[np.float64] | None
    """(n, K, 3), or None."""
    videos: tuple[str, ...]
    """Names of the video files, () if it does not say."""
    stated: dict[str, int]
    """`frames` and `size_px`, where it says them."""
    sha256: dict[str, str]
    """Of each file by its name, where it says them."""


def read_metadata(folder: Path) -> Metadata:
    """Read `metadata.json`. Raises `DataError` that names file and key."""
    path = folder / METADATA_NAME
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: cannot be read: {exc}", hint='it holds at least {"labels": [..]}') from exc
    values = _columns(content) if isinstance(content, list) else content
    if not isinstance(values, dict) or "labels" not in values:
        raise DataError(f"{path}: no labels", hint='it holds {"labels": [..]}, or a list of {"label": ..}, one a clip')
    try:
        labels, class_names = _labels(values["labels"], values.get("class_names"))
        count = len(labels)
        if len(values.get("scene", labels)) != count or values.get("clips", count) != count:
            raise ValueError(f"{count} labels, but scene or clips say another number")
        videos = tuple(map(str, values.get("videos", ())))
        if any(Path(name).name != name for name in videos):
            raise ValueError(f"videos are files beside it, not {videos}")
        return Metadata(
            labels,
            class_names,
            _scenes(values.get("scene", range(count))),
            _splits(values),
            _trajectory(folder, values.get("trajectory_3d"), count),
            videos,
            {name: int(str(values[name])) for name in ("frames", "size_px") if name in values},
            {str(name): str(value) for name, value in dict(values.get("content_sha256", {})).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as exc:
        raise DataError(f"{path}: {exc}") from exc


def _columns(clips: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Turn a list of objects, one a clip, into lists. A key counts only if every clip has it."""
    known = [key for key in _PER_CLIP if clips and all(isinstance(clip, dict) and key in clip for clip in clips)]
    return {_PER_CLIP[key]: [clip[key] for clip in clips] for key in reversed(known)}


def _labels(values: Sequence[Any], names: Sequence[Any] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels as indices into names. Numbers are indices if names are given, else names themselves."""
    if not values:
        raise ValueError("labels are empty")
    kind = str if isinstance(values[0], str) else int
    if not all(isinstance(value, kind) for value in values):
        raise ValueError("labels are whole numbers, or they are names")
    found = sorted(set(values))
    if names is None:
        return np.array([found.index(value) for value in values], np.int64), tuple(map(str, found))
    places = {name: index for index, name in enumerate(names)} | {index: index for index in range(len(names))}
    unknown = [value for value in found if value not in places]
    if unknown:
        raise ValueError(f"label {unknown[0]!r} is none of the class_names {', '.join(map(str, names))}")
    return np.array([places[value] for value in values], np.int64), tuple(map(str, names))


def _scenes(values: Sequence[Any]) -> NDArray[np.int64]:
    """Number the scenes; whatever is equal is one scene."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _splits(values: Mapping[str, Any]) -> Rows | None:
    given = values.get("splits")
    if given is None and "split" in values:
        column = np.array(values["split"], str)
        given = {name: np.flatnonzero(column == name) for name in np.unique(column).tolist()}
    if given is None:
        return None
    rows = {_SPLIT_NAMES.get(name, name): np.asarray(chosen) for name, chosen in given.items()}
    if set(rows) != set(SPLITS):
        raise ValueError(f"splits are {', '.join(SPLITS)}, not {', '.join(rows) or 'none'}")
    if any(len(chosen) and (chosen.ndim != 1 or chosen.dtype.kind not in "iu") for chosen in rows.values()):
        raise ValueError("a split is a list of clip numbers")
    return {name: rows[name].astype(np.int64) for name in SPLITS}


def _trajectory(folder: Path, value: Any, count: int) -> NDArray[np.float64] | None:
    if value is None:
        return None
    array = np.load(folder / value, allow_pickle=False) if isinstance(value, str) else value
    path = np.asarray(array, np.float64)
    if path.ndim != 3 or path.shape[0] != count or path.shape[2] != 3:
        raise ValueError(f"trajectory_3d has shape {path.shape}, not ({count}, K, 3): a row for each of {count} labels")
    if not np.isfinite(path).all():
        raise ValueError("trajectory_3d holds a value that is no number (NaN or infinity)")
    return path
