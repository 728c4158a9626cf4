"""Batches that depend on (seed, epoch, index) and nothing else, so that a run can go on in the middle of an epoch.

Clips stay uint8 until they are on the device. Targets come from the closed form of the path, never from pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config import TrainConfig
from trainer.data.loaders import made_ahead
from trainer.data.source import ClipSource

EVALUATION_BATCH = 64
"""Clips of a batch in an evaluation, but at most four times those of training: without gradients, these fit too."""


@dataclass(frozen=True)
class Batch:
    """B clips with their targets."""

    video: torch.Tensor
    """(B, T, 3, H, W) uint8."""
    class_label: torch.Tensor
    """(B,) int64."""
    future_path: torch.Tensor | None
    """(B, 5, 3) float32: camera-frame positions at t+1..t+5, workspace half-sides; None if not known."""
    share: float = 1.0
    """Which share of the whole batch these clips are, where several processes divide it. 0: the batch is too small for
    all of them, and this clip only keeps step with the others."""

    @property
    def clips(self) -> int:
        """How many clips count."""
        return len(self.class_label) if self.share else 0

    @property
    def inputs(self) -> torch.Tensor:
        """What a model is called with."""
        return self.video

    def __len__(self) -> int:
        return len(self.class_label)

    def first(self, size: int) -> Batch:
        """Return its first clips."""
        path = self.future_path
        return Batch(self.video[:size], self.class_label[:size], None if path is None else path[:size])

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        path = self.future_path
        return replace(
            self,
            video=self.video.to(device, non_blocking=True),
            class_label=self.class_label.to(device, non_blocking=True),
            future_path=None if path is None else path.to(device, non_blocking=True),
        )

    @property
    def targets(self) -> dict[str, torch.Tensor]:
        """The targets as `compute_loss` takes them."""
        if self.future_path is None:
            return {"class_label": self.class_label}
        path = self.future_path
        return {"class_label": self.class_label, "future_position": path[:, -1], "future_path": path}


class Batches:
    """The clips of a source in batches, filled into a ring of reused buffers.

    A batch stays valid until `ring - 1` further ones are taken. `prefetch` fills the next one in a thread of its own
    meanwhile, `loaders` processes make several ahead, for a device that is faster than one. With `pinned` memory
    (CUDA), a buffer is filled anew only when the device has done all that was asked of it before. Of every batch only
    `part` = (index, count) is drawn: the batches are the same for any count.
    """

    def __init__(self, source: ClipSource, batch_size: int, seed: int, *, shuffle: bool, ring: int = 2,
                 prefetch: bool = False, pinned: bool = False, loaders: int = 0,
                 part: tuple[int, int] = (0, 1)) -> None:  # fmt: skip
        if ring < 2:
            raise ValueError(f"a ring of {ring} buffers: at least 2 are needed")
        self.source = source
        self.batch_size = min(batch_size, len(source))
        self.seed, self.part = seed, part
        self.shuffle, self.prefetch, self.pinned, self.loaders = shuffle, prefetch, pinned, loaders
        self._shape = (-(-self.batch_size // part[1]), source.frames, 3, source.size_px, source.size_px)
        self._ring = [torch.empty(self._shape, dtype=torch.uint8, pin_memory=pinned) for _ in range(ring)]

    @property
    def clips(self) -> int:
        """Clips of an epoch."""
        return len(self.source)

    def __len__(self) -> int:
        """Number of batches of an epoch; the last one may be smaller."""
        return -(-len(self.source) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from index `start` on."""
        order = self._order(epoch)
        cuts = range(start * self.batch_size, len(order), self.batch_size)
        parts = [order[cut : cut + self.batch_size] for cut in cuts]
        if self.loaders and parts:
            yield from made_ahead(lambda number: self._fresh(parts[number], epoch), len(parts), self.loaders)
            return
        buffers = cycle(self._ring)
        if not self.prefetch or len(parts) < 2:
            for rows in parts:
                yield self._fill(next(buffers), rows, epoch, self._mark())
            return
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
            ahead = thread.submit(self._fill, next(buffers), parts[0], epoch, self._mark())
            for rows in parts[1:]:
                batch = ahead.result()
                ahead = thread.submit(self._fill, next(buffers), rows, epoch, self._mark())
                yield batch
            yield ahead.result()

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(len(self.source))
        return np.random.default_rng(np.random.SeedSequence([self.seed, epoch])).permutation(len(self.source))

    def _mark(self) -> torch.cuda.Event | None:
        """Return a mark in the device's work, behind every copy from a buffer that is about to be reused."""
        return torch.cuda.current_stream().record_event() if self.pinned else None

    def _fresh(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """Return a batch in memory of its own, as a process that hands it on needs it."""
        return self._fill(torch.empty(self._shape, dtype=torch.uint8), rows, epoch, None)

    def _fill(self, buffer: torch.Tensor, rows: NDArray[np.int64], epoch: int, mark: torch.cuda.Event | None) -> Batch:
        if mark is not None:
            mark.synchronize()
        rows, share = self._own(rows)
        video = buffer[: len(rows)]
        future = self.source.fill(rows, epoch, video.numpy())
        labels = torch.from_numpy(self.source.labels[rows])
        return Batch(video, labels, None if future is None else torch.from_numpy(future), share)

    def _own(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
        """Return our part of the batch `rows`, and the share of it that this is."""
        index, count = self.part
        own = np.array_split(rows, count)[index]
        return (own, len(own) / len(rows)) if len(own) else (rows[:1], 0.0)


def make_batches(
    config: TrainConfig, source: ClipSource, device: torch.device, batch_size: int = 0, part: tuple[int, int] = (0, 1)
) -> Batches:
    """Return shuffled batches of `batch_size` to train on, or (0) those of an evaluation; of each, a process's part."""
    cuda = device.type == "cuda"
    return Batches(
        source,
        batch_size or min(EVALUATION_BATCH, 4 * config.batch_size),
        config.seed,
        shuffle=batch_size > 0,
        prefetch=cuda if config.prefetch == "auto" else config.prefetch == "on",
        pinned=cuda and not config.loaders,
        loaders=config.loaders,
        part=part,
    )
