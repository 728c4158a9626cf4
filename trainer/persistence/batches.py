"""Batches of watched clips, in training mirrored at random: what a thing is and does, it is and does in a mirror."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.persistence.observed import Observed
from trainer.persistence.statistics import COLUMNS
from trainer.persistence.watched import WatchedClips

EVALUATION_BATCH = 64
_ACROSS = [COLUMNS.index(name) for name in ("x", "vx", "ax")]
_DOWN = [COLUMNS.index(name) for name in ("y", "vy", "ay")]


@dataclass(frozen=True)
class TrackBatch:
    """B clips with their labels."""

    inputs: Observed
    label: Tensor
    """(B,) int64: `renderer.scenes.Persistence`."""
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.label)

    @property
    def clips(self) -> int:
        return len(self) if self.share else 0

    def to(self, device: torch.device) -> TrackBatch:
        return replace(self, inputs=self.inputs.to(device), label=self.label.to(device))

    def first(self, size: int) -> TrackBatch:
        return TrackBatch(self.inputs.split(size)[0], self.label[:size])


class TrackBatches:
    """A `trainer.problem.Stream`: shuffled and mirrored by (seed, epoch) to train on, else in order."""

    def __init__(
        self, watched: WatchedClips, label: NDArray[np.int64], batch_size: int, seed: int, *, trains: bool,
        part: tuple[int, int] = (0, 1),
    ) -> None:  # fmt: skip
        self.watched, self.label = watched, label
        self.batch_size, self.seed, self.trains, self.part = min(batch_size, len(label)), seed, trains, part
        self.clips = len(label)

    def __len__(self) -> int:
        return -(-self.clips // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[TrackBatch]:
        """See `Stream.epoch`."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch]))
        order = rng.permutation(self.clips) if self.trains else np.arange(self.clips)
        mirrored = rng.random((self.clips, 2)) < 0.5
        index, count = self.part
        for cut in range(start * self.batch_size, self.clips, self.batch_size):
            rows = order[cut : cut + self.batch_size]
            own = np.array_split(rows, count)[index]
            share = len(own) / len(rows)
            own = own if len(own) else rows[:1]
            observed = self.watched.observed(own)
            if self.trains:
                observed = mirror(observed, *torch.from_numpy(mirrored[own]).unbind(1))
            yield TrackBatch(observed, torch.from_numpy(self.label[own]), share)


def mirror(observed: Observed, across: Tensor, down: Tensor) -> Observed:
    """Return the clips with some of them mirrored left to right, or top to bottom; flags are (B,)."""
    numbers, crops = observed.numbers.clone(), observed.crops
    for flags, columns, axis in ((across, _ACROSS, -1), (down, _DOWN, -2)):
        numbers[..., columns] *= torch.where(flags, -1.0, 1.0)[:, None, None, None]
        if crops.ndim > 4:
            crops = torch.where(flags.view(-1, 1, 1, 1, 1, 1), crops.flip(axis), crops)
    return Observed(numbers, crops, observed.present)
