"""One model, two heads: which family is the path, and where is the object during the five frames to come?"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.models.extractor import FeatureExtractor
from trainer.tasks import BOTH, Tasks

CLASSES = 4
HORIZON = 5


class UnifiedModel(nn.Module):
    """video (B, T, 3, H, W) -> `classification` (B, classes), `prediction` (B, 3) at t+5, `forecast` (B, 5, 3).

    Positions are in the camera frame, in workspace half-sides. The heads work in standard units; the mean and spread
    of the training targets are buffers, so a checkpoint holds them. The head of a task that is switched off is there,
    but nothing trains it, and other processes do not wait for its gradient.
    """

    target_mean: Tensor
    target_std: Tensor

    def __init__(
        self, extractor: FeatureExtractor, frames: int, classes: int = CLASSES, tasks: Tasks = BOTH,
        hidden: int = 128,
    ) -> None:  # fmt: skip
        super().__init__()
        self.extractor = extractor
        self.tasks = tasks
        flat = frames * extractor.feature_dim
        self.trunk = nn.Sequential(nn.LayerNorm(flat), nn.Linear(flat, hidden), nn.GELU())
        self.classify = nn.Linear(hidden, classes).requires_grad_(tasks.classes)
        self.predict = nn.Linear(hidden, HORIZON * 3).requires_grad_(tasks.forecast)
        self.register_buffer("target_mean", torch.zeros(HORIZON, 3))
        self.register_buffer("target_std", torch.ones(HORIZON, 3))

    def fit_targets(self, futures: NDArray[np.float32]) -> None:
        """Take mean and spread from the *training* targets (n, 5, 3)."""
        self.target_mean.copy_(torch.from_numpy(futures.mean(axis=0)))
        self.target_std.copy_(torch.from_numpy(np.maximum(futures.std(axis=0), 1e-3)))

    def forward(self, video: Tensor) -> dict[str, Tensor]:
        hidden = self.trunk(self.extractor(video).flatten(1))
        standard = self.predict(hidden).view(-1, HORIZON, 3)
        forecast = standard * self.target_std + self.target_mean
        return {"classification": self.classify(hidden), "prediction": forecast[:, -1], "forecast": forecast}
