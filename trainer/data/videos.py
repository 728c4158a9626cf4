"""Video files of any origin, memory-mapped: one `videos.npy`, or shards of .npy or safetensors.

Clips are (T, 3, H, W); (T, H, W, 3) is turned on the way. Values are uint8, or float32 in [0, 1].
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

MIN_SIZE_PX, MAX_SIZE_PX = 8, 2048
_PATTERNS = ("videos.npy", "videos-*.npy", "videos*.safetensors")
_TYPES = {"U8": np.uint8, "F32": np.float32}
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Videos:
    """All clips of a folder, in the order of its files."""

    parts: tuple[NDArray[Any], ...]
    names: tuple[str, ...]
    channels_last: bool

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def frames(self) -> int:
        return int(self.parts[0].shape[1])

    @property
    def size_px(self) -> int:
        return int(self.parts[0].shape[3])

    def read(self, rows: NDArray[np.int64], frames: slice, out: NDArray[np.uint8]) -> None:
        """Copy some frames of clips `rows` into `out` (b, t, 3, H, W). Raises `DataError` for values that are no
        brightness; the message names the clip.
        """
        first = np.cumsum([0, *map(len, self.parts)])
        part = np.searchsorted(first, rows, side="right") - 1
        for place, row in enumerate(rows):
            clip = self.parts[part[place]][row - first[part[place]], frames]
            if clip.dtype == np.float32:
                clip = _to_bytes(clip, f"{self.names[part[place]]}: clip {row}")
            out[place] = clip.transpose(0, 3, 1, 2) if self.channels_last else clip


def _to_bytes(clip: NDArray[np.float32], name: str) -> NDArray[np.uint8]:
    low, high = clip.min(), clip.max()
    if not np.isfinite(low + high):
        raise DataError(f"{name} holds a value that is no number (NaN or infinity)")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise DataError(
            f"{name} has values from {low:g} to {high:g}: float32 must be in [0, 1]",
            hint="divide by the largest value, or save 0 to 255 as uint8",
        )
    return np.rint(np.clip(clip, 0, 1) * 255).astype(np.uint8)


def find_videos(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the video files of a folder in order: those named, or whatever is there. Raises `DataError`."""
    found = [folder / name for name in names]
    for pattern in () if found else _PATTERNS:
        found = found or sorted(folder.glob(pattern), key=_in_order)
    missing = [path.name for path in found if not path.is_file()]
    if missing or not found:
        raise DataError(
            f"{folder}: no {missing[0] if missing else 'videos.npy'}",
            hint="a folder of clips holds videos.npy (n, T, 3, H, W) and metadata.json; "
            "one of `trainer generate` holds recipe.npz and manifest.json",
        )
    return found


def _in_order(path: Path) -> list[int | str]:
    """Order shards as they were counted, with or without leading zeros: 2 comes before 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", path.name)]


def open_videos(paths: Sequence[Path]) -> Videos:
    """Map video files into memory. Raises `DataError` for a file that is damaged, or not of clips."""
    parts = [_map_safetensors(path) if path.suffix == ".safetensors" else _map_npy(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        _check_form(path, part)
        if part.shape[1:] != parts[0].shape[1:] or part.dtype != parts[0].dtype:
            raise DataError(f"{path}: clips of {_form(part)}, but those of {paths[0].name} are of {_form(parts[0])}")
    return Videos(tuple(parts), tuple(path.name for path in paths), parts[0].shape[2] != 3)


def _map_npy(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
        return array
    except (OSError, ValueError, EOFError) as exc:
        raise DataError(
            f"{path}: cannot be read: {exc}", hint="the file is truncated or not of numpy: copy or make it again"
        ) from exc


def _map_safetensors(path: Path) -> NDArray[Any]:
    """Map the one tensor of a file. The format is a length, a JSON header and raw data: no library is needed."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length < path.stat().st_size:
                raise ValueError("no safetensors header")
            header = json.loads(file.read(length))
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        if len(entries) != 1:
            raise ValueError(f"{len(entries)} tensors: one is expected")
        dtype, shape = np.dtype(_TYPES[entries[0]["dtype"]]), tuple(map(int, entries[0]["shape"]))
        return np.memmap(path, dtype, "r", 8 + length + int(entries[0]["data_offsets"][0]), shape)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise DataError(
            f"{path}: cannot be read: {exc}", hint="the file is truncated or damaged: copy or make it again"
        ) from exc


def _check_form(path: Path, array: NDArray[Any]) -> None:
    shape = array.shape
    if len(shape) != 5 or 3 not in (shape[2], shape[4]):
        raise DataError(f"{path}: {_form(array)}: clips of colour are (n, T, 3, H, W)", hint=_turned(shape))
    if shape[1] < 2:
        raise DataError(f"{path}: {_form(array)}: clips of at least 2 frames are needed")
    height, width = shape[3:] if shape[2] == 3 else shape[2:4]
    if height != width or not MIN_SIZE_PX <= height <= MAX_SIZE_PX:
        raise DataError(
            f"{path}: pictures of {height} x {width} pixels: squares of {MIN_SIZE_PX} to {MAX_SIZE_PX} are needed"
        )
    if array.dtype not in (np.uint8, np.float32):
        kind = "float32)` for values in [0, 1]" if array.dtype.kind == "f" else "uint8)` for values from 0 to 255"
        raise DataError(
            f"{path}: values of type {array.dtype}: uint8, or float32 in [0, 1], are needed",
            hint=f"for example `videos.astype(numpy.{kind}",
        )


def _turned(shape: tuple[int, ...]) -> str:
    """Say how videos of another form are brought into ours."""
    if len(shape) == 4 and 3 in (shape[1], shape[3]):
        return "one clip becomes a list of one by videos[None]"
    if len(shape) == 4:
        return "grey clips (n, T, H, W) can be repeated: numpy.repeat(videos[:, :, None], 3, axis=2)"
    if len(shape) == 5 and shape[1] == 3:
        return "(n, 3, T, H, W) can be turned: videos.transpose(0, 2, 1, 3, 4)"
    if len(shape) == 5 and 1 in (shape[2], shape[4]):
        axis = 2 if shape[2] == 1 else 4
        return f"grey clips can be repeated: numpy.repeat(videos, 3, axis={axis})"
    if len(shape) == 5 and 4 in (shape[2], shape[4]):
        return f"leave out the fourth channel: videos[{':, :, :3' if shape[2] == 4 else '..., :3'}]"
    return ""


def _form(array: NDArray[Any]) -> str:
    return f"shape {array.shape}, {array.dtype}"
