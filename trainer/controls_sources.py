"""What a trained control sees in place of the clips: less, or what does not belong together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from renderer.streams import hashed
from trainer.data.source import ClipSource

Video = NDArray[np.uint8]
Rows = NDArray[np.int64]
Change = Callable[[Video, Rows, int], None]
"""Changes clips (b, T, 3, H, W) in place, given their rows (b,) and the epoch."""


class ChangedPictures:
    """A source whose pictures are changed on their way; its labels and positions stay."""

    def __init__(self, source: ClipSource, change: Change) -> None:
        self.source, self.change = source, change
        self.labels, self.scene, self.class_names = source.labels, source.scene, source.class_names
        self.frames, self.size_px, self.path = source.frames, source.size_px, source.path

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, rows: Rows, epoch: int, out: Video) -> NDArray[np.float32] | None:
        """See `ClipSource.fill`."""
        future = self.source.fill(rows, epoch, out)
        self.change(out, rows, epoch)
        return future


def blank(video: Video, rows: Rows, epoch: int) -> None:
    """Black pictures: what can be known without looking."""
    video.fill(0)


def one_frame(video: Video, rows: Rows, epoch: int) -> None:
    """The last frame, T times: what can be known without motion."""
    video[:] = video[:, -1:].copy()


def shuffle_frames(video: Video, rows: Rows, epoch: int) -> None:
    """The frames of each clip in an order that is drawn anew in every epoch: what can be known without time."""
    order = hashed(epoch, rows[:, None], np.arange(video.shape[1])).argsort(axis=1)
    video[:] = video[np.arange(len(video))[:, None], order]


class ShuffledTargets:
    """The clips of a source with labels and positions of other clips of it: nothing can be learnt but their spread."""

    def __init__(self, source: ClipSource, seed: int) -> None:
        self.source = source
        order = np.random.default_rng(np.random.SeedSequence([seed, 0x5BF])).permutation(len(source))
        self.labels = source.labels[order]
        self.path = None if source.path is None else source.path[order]
        self.scene, self.class_names = source.scene, source.class_names
        self.frames, self.size_px = source.frames, source.size_px

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, rows: Rows, epoch: int, out: Video) -> NDArray[np.float32] | None:
        """See `ClipSource.fill`."""
        self.source.fill(rows, epoch, out)
        return None if self.path is None else self.path[rows, self.frames :].astype(np.float32)
