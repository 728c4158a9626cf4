"""Training on videos of any origin: `videos.npy` (or shards) and `metadata.json`, mapped, checked, never loaded whole.

What the positions are of: with T + 5 rows of `trajectory_3d` the last five are the targets. With exactly T rows the
last five *frames* are cut from what a model sees, and their positions become the targets: a target inside the input
would be read, not forecast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.metadata import METADATA_NAME, Metadata, read_metadata
from trainer.data.sightings import static, stuck, track
from trainer.data.splits import Rows, check_disjoint, check_rows, split_scenes
from trainer.data.twins import content_numbers
from trainer.data.videos import Videos, find_videos, open_videos
from trainer.errors import DataError, data_in

HORIZON = 5
LOOKED_AT = 256
"""Clips whose pixels are looked at before training starts; `trainer audit` looks at more."""
MOST_STUCK = 0.01
"""Share of clips that may seem to stick to the border: pixels alone do not prove it."""
_PIECE_BYTES = 4 * 1024**2

Tick = Callable[[], object]
"""Called between pieces of work; it may raise to end it."""


@dataclass(frozen=True)
class MemoryMapSource:
    """Clips of mapped files, as a `ClipSource`."""

    videos: Videos
    rows: NDArray[np.int64]
    """Which clips of the files these are, (n,)."""
    labels: NDArray[np.int64]
    scene: NDArray[np.int64]
    class_names: tuple[str, ...]
    frames: int
    path: NDArray[np.float64] | None

    @property
    def size_px(self) -> int:
        return self.videos.size_px

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: NDArray[np.int64]) -> MemoryMapSource:
        """Return some clips, in the order given."""
        path = None if self.path is None else self.path[rows]
        return replace(self, rows=self.rows[rows], labels=self.labels[rows], scene=self.scene[rows], path=path)

    def fill(self, rows: NDArray[np.int64], epoch: int, out: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """See `ClipSource.fill`; every epoch is alike."""
        self.videos.read(self.rows[rows], slice(self.frames), out)
        return None if self.path is None else self.path[rows, self.frames :].astype(np.float32)

    def read(self, rows: NDArray[np.int64], frames: slice = slice(None)) -> NDArray[np.uint8]:
        """Return seen frames of some clips, (b, t, 3, H, W)."""
        count = len(range(*frames.indices(self.frames)))
        out = np.empty((len(rows), count, 3, self.size_px, self.size_px), np.uint8)
        self.videos.read(self.rows[rows], slice(*frames.indices(self.frames)), out)
        return out


@dataclass(frozen=True)
class External:
    """A folder of videos that may be trained on."""

    source: MemoryMapSource
    """All clips."""
    splits: Rows
    content: NDArray[np.uint64]
    """A hash of each clip's pixels, (n,)."""
    digest: str
    notes: tuple[str, ...]
    """What was done to make it fit."""

    def split(self, name: str) -> MemoryMapSource:
        """Return the clips of one split."""
        return self.source.take(self.splits[name])


def open_external(folder: Path, seed: int, tick: Tick = lambda: None) -> External:
    """Map and check a folder. Splits that it does not name are made by `seed`. Raises `DataError`."""
    metadata = read_metadata(folder)
    videos = open_videos(find_videos(folder, metadata.videos))
    _check_files(folder, metadata, videos, tick)
    frames, path, notes = _cut_frames(folder, metadata, videos)
    if videos.channels_last:
        notes.append("clips are (T, H, W, 3): turned to (T, 3, H, W) on the way")
    source = MemoryMapSource(
        videos, np.arange(len(videos)), metadata.labels, metadata.scene, metadata.class_names, frames, path
    )
    splits = metadata.rows
    if splits is None:
        splits = split_scenes(metadata.scene, metadata.labels, seed)
        notes.append(f"no splits given: made by scene and class, with seed {seed}")
    with data_in(folder):
        check_rows(source.labels, source.scene, source.class_names, splits)
        content = content_numbers(source.read, len(source), frames)
        check_twins(source, splits, content)
        check_sample(source, tick)
    unused = len(source) - sum(map(len, splits.values()))
    if unused:
        notes.append(f"{unused} clips are in no split")
    sha = hashlib.sha256((folder / METADATA_NAME).read_bytes() + content.tobytes())
    sha.update(b"" if path is None else path.tobytes())
    return External(source, splits, content, sha.hexdigest(), tuple(notes))


def _check_files(folder: Path, metadata: Metadata, videos: Videos, tick: Tick) -> None:
    """Refuse files that do not fit together, or are not what was written. Raises `DataError`."""
    if len(metadata.labels) != len(videos):
        raise DataError(f"{folder}: {len(videos)} clips, but {METADATA_NAME} has {len(metadata.labels)} labels")
    for name, stated in metadata.stated.items():
        if getattr(videos, name) != stated:
            raise DataError(f"{folder}: {name} is {getattr(videos, name)}, but {METADATA_NAME} says {stated}")
    check_hashes(folder, metadata.sha256, tick)


def check_hashes(folder: Path, sha256: Mapping[str, str], tick: Tick = lambda: None) -> None:
    """Refuse files that are not what was written. Raises `DataError`."""
    for name, digest in sha256.items():
        sha = hashlib.sha256()
        try:
            with (folder / name).open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    sha.update(piece)
                    tick()
        except OSError as exc:
            raise DataError(f"{folder / name}: cannot be read: {exc.strerror}") from exc
        if sha.hexdigest() != digest:
            raise DataError(
                f"{folder / name}: content differs from {METADATA_NAME}: edited or damaged",
                hint="copy or make it again; for a file that you changed on purpose, remove its content_sha256",
            )


def _cut_frames(folder: Path, metadata: Metadata, videos: Videos) -> tuple[int, NDArray[np.float64] | None, list[str]]:
    """Return how many frames may be seen, and the positions of those and the five after them."""
    path, frames = metadata.trajectory_3d, videos.frames
    if path is None:
        return frames, None, ["no trajectory_3d: classes only, nothing to forecast"]
    if path.shape[1] == frames + HORIZON:
        return frames, path, []
    if path.shape[1] != frames or frames < HORIZON + 2:
        raise DataError(
            f"{folder}: trajectory_3d has {path.shape[1]} positions a clip of {frames} frames",
            hint=f"{frames + HORIZON} are needed (five unseen ones last), or as many as frames, at least {HORIZON + 2}",
        )
    note = f"trajectory_3d ends with the last frame: the last {HORIZON} frames are cut from the input, as targets"
    return frames - HORIZON, path, [note]


def check_twins(source: MemoryMapSource, splits: Rows, content: NDArray[np.uint64]) -> None:
    """Refuse the same pixels in two splits, or under two labels. Raises `DataError`."""
    check_disjoint(
        {name: content[chosen] for name, chosen in splits.items()},
        "the same pixels (content {:016x}) are in both {} and {}",
        "give views and copies of one scene one number in `scene`, and split by it",
    )
    _, first, place = np.unique(content, return_index=True, return_inverse=True)
    earlier = first[place]
    other = np.flatnonzero(source.labels != source.labels[earlier])
    if len(other):
        pair = (earlier[other[0]], other[0])
        names = " and ".join(f"{row} ({source.class_names[source.labels[row]]})" for row in pair)
        raise DataError(f"the same pixels under two labels: clips {names}")


def check_sample(source: MemoryMapSource, tick: Tick) -> None:
    """Refuse clips in which nothing moves, or whose object was clamped to the border, as far as a sample tells."""
    rows = np.unique(np.linspace(0, len(source) - 1, LOOKED_AT).astype(int))
    still, clamped = [], []
    for start in range(0, len(rows), 32):
        some = rows[start : start + 32]
        video = source.read(some)
        still += some[static(video)].tolist()
        clamped += some[stuck(track(video)[0], source.size_px)].tolist()
        tick()
    if still:
        raise DataError(f"nothing moves in clip {still[0]} ({len(still)} of {len(rows)} looked at)")
    if len(clamped) > MOST_STUCK * len(rows):
        raise DataError(
            f"clip {clamped[0]} is clamped to the border ({len(clamped)} of {len(rows)} looked at)",
            hint="leave out clips whose object leaves the picture, instead of holding it at the border",
        )
