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
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer.data.splits import SPLITS, Rows
from trainer.errors import DataError

METADATA_NAME = "metadata.json"
METADATA_FORMAT = 1
_SPLIT_NAMES = {"val": "validation", "valid": "validation"}
_PER_CLIP = {"class": "labels", "label": "labels", "scene": "scene", "split": "split", "trajectory_3d": "trajectory_3d"}
_LEAST = 'it holds {"labels": [..]}, or a list of {"label": ..}, one a clip'


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


class _Content(BaseModel):
    """The keys that count, each with the form that it must have; others are left to other readers."""

    model_config = ConfigDict(strict=True, extra="ignore")
    format: int = Field(METADATA_FORMAT, description="a whole number")
    labels: list[int] | list[str] = Field(description="a list of whole numbers, or one of names", min_length=1)
    class_names: list[int | str] | None = Field(None, description="a list of names")
    scene: list[int] | list[str] | None = Field(None, description="a list of whole numbers, or one of names")
    splits: dict[str, list[int]] | None = Field(None, description='{"train": [clip numbers], ..}')
    split: list[str] | None = Field(None, description="the name of a split")
    trajectory_3d: str | list[Any] | None = Field(None, description="a list (n, K, 3), or the name of an .npy")
    videos: list[str] = Field([], description="a list of file names")
    clips: int | None = Field(None, description="a whole number")
    frames: int | None = Field(None, description="a whole number")
    size_px: int | None = Field(None, description="a whole number")
    content_sha256: dict[str, str] = Field({}, description='{"file name": "SHA-256"}')


def read_metadata(folder: Path) -> Metadata:
    """Read `metadata.json`. Raises `DataError` that names file and key."""
    path = folder / METADATA_NAME
    try:
        text = path.read_bytes()
    except OSError as exc:
        missing = isinstance(exc, FileNotFoundError) and not folder.exists()
        problem = f"{folder}: no such folder" if missing else f"{path}: cannot be read: {exc.strerror}"
        raise DataError(problem, hint=f"a folder of clips has a {METADATA_NAME}: {_LEAST}") from exc
    try:
        content = json.loads(text)
        return _understand(folder, _columns(content) if isinstance(content, list) else content)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise DataError(f"{path}: no JSON: {exc}", hint=_LEAST) from exc
    except ValidationError as exc:
        problem = _wrong(exc, content)
        raise DataError(f"{path}: {problem}", hint=_LEAST if problem.startswith("no labels") else "") from exc
    except (ValueError, OverflowError) as exc:
        raise DataError(f"{path}: {exc}") from exc


def _understand(folder: Path, values: Mapping[str, Any]) -> Metadata:
    known = {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values
    content = _Content.model_validate(known)
    if content.format > METADATA_FORMAT:
        raise ValueError(f"of format {content.format}, newer than {METADATA_FORMAT}: update this program")
    count = len(content.labels)
    for key, length in (("scene", content.scene and len(content.scene)), ("clips", content.clips)):
        if length not in (None, count):
            raise ValueError(f"{count} labels, but {key} {'has' if key == 'scene' else 'is'} {length}")
    files = [*content.videos, *content.content_sha256]
    files += [content.trajectory_3d] if isinstance(content.trajectory_3d, str) else []
    strange = [name for name in files if Path(name).name != name]
    if strange:
        raise ValueError(f"{strange[0]!r} is no name of a file beside it")
    labels, class_names = _labels(content.labels, content.class_names)
    return Metadata(
        labels,
        class_names,
        np.arange(count) if content.scene is None else np.unique(np.array(content.scene), return_inverse=True)[1],
        _splits(content),
        _trajectory(folder, content.trajectory_3d, count),
        tuple(content.videos),
        {key: value for key in ("frames", "size_px") if (value := getattr(content, key)) is not None},
        content.content_sha256,
    )


def _wrong(error: ValidationError, content: Any) -> str:
    """Say of the first key that is wrong what it must be."""
    place = error.errors()[0]["loc"]
    if not place or (place[0] == "labels" and "labels" not in content and isinstance(content, dict)):
        found = f" (it has {', '.join(map(str, content)) or 'nothing'})" if isinstance(content, dict) else ""
        return f"no labels{found}"
    return f"{place[0]} must be {_Content.model_fields[str(place[0])].description}"


def _columns(clips: Sequence[Any]) -> dict[str, list[Any]]:
    """Turn a list of objects, one a clip, into lists."""
    if not clips or not all(isinstance(clip, dict) for clip in clips):
        raise ValueError(f"no labels: {_LEAST}")
    columns = {}
    for key, name in _PER_CLIP.items():
        column = [clip[key] for clip in clips if clip.get(key) is not None]
        if len(column) not in (0, len(clips)):
            raise ValueError(f"{key} is there for {len(column)} of {len(clips)} clips")
        if column:
            columns[name] = column
    return columns


def _labels(values: Sequence[Any], names: Sequence[Any] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels as indices into names. Numbers are indices if names are given, else names themselves."""
    found = sorted(set(values))
    if names is None:
        places = {value: index for index, value in enumerate(found)}
        return np.array([places[value] for value in values], np.int64), tuple(map(str, found))
    if len(set(map(str, names))) < len(names):
        raise ValueError(f"class_names has a name twice: {', '.join(map(str, names))}")
    places = {name: index for index, name in enumerate(names)} | {index: index for index in range(len(names))}
    unknown = [value for value in found if value not in places]
    if unknown:
        raise ValueError(f"label {unknown[0]!r} is none of the class_names {', '.join(map(str, names))}")
    return np.array([places[value] for value in values], np.int64), tuple(map(str, names))


def _splits(content: _Content) -> Rows | None:
    given: Mapping[str, Any] | None = content.splits
    if given is None and content.split is not None:
        column = np.array(content.split)
        given = {name: np.flatnonzero(column == name) for name in np.unique(column).tolist()}
    if given is None:
        return None
    rows = {_SPLIT_NAMES.get(name, name): np.asarray(chosen, np.int64) for name, chosen in given.items()}
    if set(rows) != set(SPLITS) or len(rows) != len(given):
        raise ValueError(f"splits are {', '.join(SPLITS)}, not {', '.join(given) or 'none'}")
    return {name: rows[name] for name in SPLITS}


def _trajectory(folder: Path, value: Any, count: int) -> NDArray[np.float64] | None:
    if value is None:
        return None
    try:
        path = np.asarray(np.load(folder / value, allow_pickle=False) if isinstance(value, str) else value, np.float64)
    except (OSError, EOFError, ValueError, TypeError) as exc:
        there = f"{value} cannot be read as one" if isinstance(value, str) else "it is none"
        raise ValueError(f"trajectory_3d must be an array ({count}, K, 3) of numbers: {there}: {exc}") from exc
    if path.ndim != 3 or path.shape[0] != count or path.shape[2] != 3:
        raise ValueError(f"trajectory_3d has shape {path.shape}, not ({count}, K, 3): a row for each of {count} labels")
    if not np.isfinite(path).all():
        raise ValueError("trajectory_3d holds a value that is no number (NaN or infinity)")
    if (path == path[:, :1]).all():
        raise ValueError("trajectory_3d stands still in every clip: there is nothing to forecast")
    return path
