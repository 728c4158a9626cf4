"""A recipe as a `torch.utils.data.Dataset`, for loops of your own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from renderer.recipe import Recipe
from trainer.data.source import Augmentation, Noise, RecipeSource

Sample = dict[str, torch.Tensor]


class RecipeDataset(Dataset[Sample]):
    """Clip i is {`video` (T, 3, H, W) uint8, `class_label` (), `future_path` (5, 3) if the recipe has one object}.

    The same (seed, epoch, index) gives the same bytes with any number of workers and any batch size. Call `set_epoch`
    before each epoch; workers that persist see it too. Options as of `RecipeSource`.
    """

    def __init__(
        self, recipe: Recipe, seed: int = 0, *, noise: Noise = "tier", augmentation: Augmentation = "none"
    ) -> None:
        self.source = RecipeSource(recipe, seed, noise=noise, augmentation=augmentation)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose noise and augmentation the next samples have."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([range(len(self))[index]])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return several samples, rendered in one go (`DataLoader` asks for whole batches)."""
        source, rows = self.source, np.asarray(indices, np.int64)
        video: NDArray[np.uint8] = np.empty((len(rows), source.frames, 3, source.size_px, source.size_px), np.uint8)
        future = source.fill(rows, int(self._epoch), video)
        columns = {"video": torch.from_numpy(video), "class_label": torch.from_numpy(source.labels[rows])}
        if future is not None:
            columns["future_path"] = torch.from_numpy(future)
        return [{name: column[row] for name, column in columns.items()} for row in range(len(rows))]
