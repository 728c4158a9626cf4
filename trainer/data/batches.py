"""Batches that depend on (seed, epoch, index) and nothing else, so that a run can go on in the middle of an epoch.

Clips stay uint8 until they are on the device. Targets come from the closed form of the path, never from pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.noise import TRAINING_LEVELS
from renderer.trajectories import TrajectoryRecipe
from renderer.video import render


@dataclass(frozen=True)
class Batch:
    """B clips with their targets."""

    video: torch.Tensor
    """(B, T, 3, H, W) uint8."""
    class_label: torch.Tensor
    """(B,) int64."""
    future_path: torch.Tensor
    """(B, 5, 3) float32: camera-frame positions at t+1..t+5, workspace half-sides."""

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        parts = (self.video, self.class_label, self.future_path)
        return Batch(*(part.to(device, non_blocking=True) for part in parts))

    @property
    def targets(self) -> dict[str, torch.Tensor]:
        """The targets as `compute_loss` takes them."""
        path = self.future_path
        return {"class_label": self.class_label, "future_position": path[:, -1], "future_path": path}


class Batches:
    """One split, rendered batch by batch into one reused buffer: use a batch before taking the next."""

    def __init__(self, recipe: TrajectoryRecipe, batch_size: int, seed: int, *, shuffle: bool, noise_mix: bool) -> None:
        self.recipe = recipe
        self.batch_size = min(batch_size, len(recipe))
        self.seed = seed
        self.shuffle = shuffle
        self.noise_mix = noise_mix
        self.labels = recipe.label.astype(np.int64)
        self.futures = recipe.camera_path(recipe.window.frames).astype(np.float32)
        side = recipe.window.size_px
        self._buffer = np.empty((self.batch_size, recipe.window.frames, 3, side, side), np.uint8)

    def __len__(self) -> int:
        """Number of batches of an epoch; the last one may be smaller."""
        return -(-len(self.recipe) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from index `start` on."""
        order, level, noise_seed = self._draw(epoch)
        for index in range(start, len(self)):
            rows = order[index * self.batch_size : (index + 1) * self.batch_size]
            recipe = self.recipe.take(rows)
            if self.noise_mix:
                recipe = recipe.with_noise(level[rows], noise_seed[rows])
            video = render(recipe, self._buffer[: len(rows)])
            yield Batch(
                torch.from_numpy(video),
                torch.from_numpy(self.labels[rows]),
                torch.from_numpy(self.futures[rows]),
            )

    def _draw(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.uint64]]:
        """Return the order of the epoch's clips and each clip's fresh noise."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch]))
        count = len(self.recipe)
        order = rng.permutation(count) if self.shuffle else np.arange(count)
        level = rng.choice(np.array(TRAINING_LEVELS, np.float32), count)
        return order, level, rng.integers(0, 2**63, count, dtype=np.uint64)
