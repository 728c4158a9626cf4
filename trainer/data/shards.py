"""Which video files an export consists of, and what stands at their beginnings.

`npy` is one `videos.npy` unless shards are asked for; `safetensors` is shards with an index, named as Hugging Face
names those of large models. Pixels follow the header without a gap, so that a block of clips has one known place.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.data.safetensors_format import INDEX_NAME, header, tensor_name
from wire.run_dir import TEMPORARY_PREFIX

FORMATS = ("npy", "safetensors")
_NAMES = [f"{name}.{form}" for name in ("videos", "videos-[0-9]*-of-[0-9]*") for form in FORMATS]
VIDEO_FILES = (INDEX_NAME, *_NAMES, *(TEMPORARY_PREFIX + name for name in _NAMES))
"""Patterns of all files that any layout of an export may have left."""
SHARD_CLIPS = 2000
"""Clips of a safetensors shard unless asked otherwise."""


@dataclass(frozen=True)
class Shard:
    """One video file with the clips `start` to `stop`."""

    name: str
    start: int
    stop: int
    header: bytes
    clip_bytes: int

    @property
    def temporary(self) -> str:
        """Name until the whole export is done."""
        return TEMPORARY_PREFIX + self.name

    @property
    def bytes(self) -> int:
        return len(self.header) + (self.stop - self.start) * self.clip_bytes


@dataclass(frozen=True)
class Block:
    """The clips between two checkpoints, and where they stand in their file."""

    shard: Shard
    start: int
    stop: int

    @property
    def offset(self) -> int:
        return len(self.shard.header) + (self.start - self.shard.start) * self.shard.clip_bytes

    @property
    def bytes(self) -> int:
        return (self.stop - self.start) * self.shard.clip_bytes


def plan_shards(form: str, clips: int, shard_clips: int, clip_shape: Sequence[int]) -> list[Shard]:
    """Return the files of an export; `shard_clips` 0 means all in one (npy), or `SHARD_CLIPS` (safetensors)."""
    each = shard_clips or (SHARD_CLIPS if form == "safetensors" else clips)
    count = -(-clips // each)
    shards = []
    for number, start in enumerate(range(0, clips, each), 1):
        shape = (min(each, clips - start), *clip_shape)
        name = f"videos-{number:05d}-of-{count:05d}.{form}" if shard_clips or form == "safetensors" else "videos.npy"
        begin = header(tensor_name(number), shape) if form == "safetensors" else _npy_header(shape)
        shards.append(Shard(name, start, start + shape[0], begin, int(np.prod(clip_shape))))
    return shards


def plan_blocks(shards: Sequence[Shard], every: int) -> Iterator[Block]:
    """Cut each file into blocks of `every` clips; no block lies in two files."""
    for shard in shards:
        for start in range(shard.start, shard.stop, every):
            yield Block(shard, start, min(start + every, shard.stop))


def _npy_header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()
