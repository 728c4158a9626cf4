"""The safetensors format, as far as an export needs it.

A file is a length, JSON padded to 8 bytes, and raw data. The header is written here because the library takes a whole
tensor in memory, while clips come block by block; the library then has to read what was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trainer.errors import ConfigError, DataError

INDEX_NAME = "videos.safetensors.index.json"


def require_safetensors() -> None:
    """Raise `ConfigError` that names the extra, if the library is missing."""
    try:
        import safetensors  # noqa: F401
    except ImportError as exc:
        raise ConfigError(
            "--export safetensors needs the package safetensors, which is not installed",
            hint="install the extra: pip install 'trajvid-tui[export]'; or --export npy, which needs nothing more",
        ) from exc


def tensor_name(number: int) -> str:
    """Return the name of the tensor in shard `number` (from 1); the index needs them to differ."""
    return f"videos.{number:05d}"


def header(name: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the data of the only tensor of a file."""
    entry = {"dtype": "U8", "shape": shape, "data_offsets": [0, int(np.prod(shape))]}
    text = json.dumps({name: entry}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def index(places: Mapping[str, str], data_bytes: int) -> bytes:
    """Return the index that Hugging Face writes beside shards: which tensor is in which file."""
    content = {"metadata": {"total_size": data_bytes}, "weight_map": dict(places)}
    return json.dumps(content, indent=1).encode() + b"\n"


def check_readable(path: Path, name: str, clips: int) -> None:
    """Raise `DataError` unless the library finds the tensor with so many clips."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            found = file.get_slice(name).get_shape()[0]
    except SafetensorError as exc:
        raise DataError(f"{path}: safetensors cannot read it: {exc}") from exc
    if found != clips:
        raise DataError(f"{path}: holds {found} clips, not {clips}")
