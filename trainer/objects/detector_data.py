"""Frames to train a detector on, with what they show. Several data sets may be joined: one detector for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.catalogue import DATASETS
from renderer.recipe import Recipe
from renderer.scenes import SceneRecipe
from renderer.streams import hashed
from trainer.config import TrainConfig
from trainer.data.batches import Batches
from trainer.data.dataset import DataSet, Wanted, ensure_dataset, load_dataset
from trainer.data.source import RecipeSource
from trainer.errors import ConfigError
from trainer.objects.detector_loss import Seen, Targets, paint
from trainer.objects.true_objects import TrueObjects, true_clutter, true_objects

MIXED = "mixed"
"""The tier that is all of them, in equal parts."""
STEP = 2
"""In training one frame of so many is seen of a clip, others in the next epoch: neighbours are much alike."""


def open_parts(config: TrainConfig, own: Path, tick: Callable[[], None]) -> dict[str, DataSet]:
    """Return the data sets that a config asks for, by what they are: those of its tiers, without clutter and with it,
    or its folder. Raises `ConfigError` for a folder of something else.
    """
    if config.data:
        data = load_dataset(Path(config.data))
        if not isinstance(data.recipe, SceneRecipe):
            raise ConfigError(
                f"{config.data} holds {data.recipe.KIND}: there are no boxes to learn",
                hint="`trainer generate objects` makes clips with any number of objects",
            )
        return {data.recipe.tier: data}
    objects = DATASETS["objects"]
    tiers = objects.tiers if config.tier == MIXED else (config.tier,)
    wanted = [(tier, clutter) for tier in tiers for clutter in dict.fromkeys((0, config.clutter))]
    parts = {}
    for tier, clutter in wanted:
        tick()
        name = f"{tier}-clutter" if clutter else tier
        each = Wanted("objects", tier, config.clips // len(wanted), config.seed, objects.frames[0], clutter=clutter,
                      noise=config.noise)  # fmt: skip
        parts[name] = load_dataset(ensure_dataset(own / name, each))
    return parts


class SceneSource:
    """The clips of several recipes as one source (`trainer.data.source.ClipSource`), and what their frames show."""

    path = None
    class_names: tuple[str, ...] = ()
    labels: NDArray[np.int64]
    """Which clip it is, (n,)."""

    def __init__(self, recipes: Sequence[Recipe], seed: int = 0, *, mixed_noise: bool = False) -> None:
        self.sources = [RecipeSource(one, seed, noise="mix" if mixed_noise else "tier") for one in recipes]
        self.objects: list[TrueObjects] = []
        self.clutter: list[TrueObjects] = []
        for one in recipes:
            assert isinstance(one, SceneRecipe)
            self.objects += true_objects(one)
            self.clutter += true_clutter(one)
        self.labels = self.scene = np.arange(len(self))
        self.frames, self.size_px = self.sources[0].frames, self.sources[0].size_px
        self._first = np.cumsum([0, *map(len, self.sources)])

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def fill(self, rows: NDArray[np.int64], epoch: int, out: NDArray[np.uint8]) -> None:
        """See `ClipSource.fill`."""
        for place, row in enumerate(rows):
            number = int(np.searchsorted(self._first, row, side="right")) - 1
            self.sources[number].fill(rows[place : place + 1] - self._first[number], epoch, out[place : place + 1])


@dataclass(frozen=True)
class FrameBatch:
    """Some frames of each of B clips."""

    video: torch.Tensor
    """(B, F, 3, H, W) uint8."""
    targets: Targets
    """Of all B x F frames."""
    rows: NDArray[np.int64]
    """Which clips these are, (B,)."""
    share: float = 1.0

    @property
    def inputs(self) -> torch.Tensor:
        return self.video

    @property
    def clips(self) -> int:
        return len(self) if self.share else 0

    def __len__(self) -> int:
        return len(self.video)

    def to(self, device: torch.device) -> FrameBatch:
        return replace(self, video=self.video.to(device, non_blocking=True), targets=self.targets.to(device))

    def first(self, size: int) -> FrameBatch:
        return FrameBatch(self.video[:size], self.targets.first(size * self.video.shape[1]), self.rows[:size])


class FrameBatches:
    """Batches of clips (`trainer.problem.Stream`): in training (`shuffle`) every other frame, else all."""

    def __init__(self, source: SceneSource, config: TrainConfig, *, shuffle: bool, part: tuple[int, int]) -> None:
        self.source, self.seed, self.shuffle = source, config.seed, shuffle
        self.inner = Batches(source, config.batch_size, config.seed, shuffle=shuffle, loaders=config.loaders, part=part)
        self.clips = len(source)

    def __len__(self) -> int:
        return len(self.inner)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[FrameBatch]:
        """See `Stream.epoch`."""
        for batch in self.inner.epoch(epoch, start):
            rows, video = batch.class_label.numpy(), batch.video
            frames = np.broadcast_to(np.arange(self.source.frames), (len(rows), self.source.frames))
            if self.shuffle:
                first = (hashed(self.seed, epoch, rows, 3) % np.uint64(STEP)).astype(np.int64)
                frames = first[:, None] + np.arange(0, self.source.frames - STEP + 1, STEP)
                video = video[torch.arange(len(rows))[:, None], torch.from_numpy(frames)]
            yield FrameBatch(video, self._targets(rows, frames), rows, batch.share)

    def _targets(self, rows: NDArray[np.int64], frames: NDArray[np.int64]) -> Targets:
        side = self.source.size_px
        parts = [
            _join([_seen(every[row], frames[place], place, kind) for place, row in enumerate(rows)])
            for every in (self.source.objects, self.source.clutter)
            for kind in ("counts", "ignored")
        ]
        return paint(frames.size, side, side, *parts)


def _seen(objects: TrueObjects, frames: NDArray[np.int64], place: int, kind: str) -> Seen:
    """Return the objects of a clip, the one at `place` of a batch, in some of its frames."""
    row, frame = np.nonzero(getattr(objects, kind)[:, frames])
    return Seen(place * len(frames) + frame, objects.boxes[row, frames[frame]])


def _join(parts: Sequence[Seen]) -> Seen:
    return Seen(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("frame", "boxes")))
