"""The oracle: a model that is told where the object truly is in every seen frame. A reference, never a control.

It sees the true u, v and apparent radius, which for a sphere of one size under one focal length are x / z, y / z and
1 / z but for scale and offset; these three numbers a frame are all it sees. They travel as pictures do, so that it is
trained, checkpointed and tested like any model: the four bytes of a float32 are a "picture" of 2 x 2.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.opening import TrainingData
from trainer.data.source import ClipSource
from trainer.errors import DataError
from trainer.models.attention import FeedForward, SelfAttention
from trainer.models.extractor import FeatureExtractor

Floats = NDArray[np.float32]
NUMBERS = 3
SIDE_PX = 2
"""SIDE_PX ** 2 bytes are one float32."""
MAX_FRAMES = 64


class Sightings:
    """The clips of a source as numbers (T, 3), standardised, in the bytes of clips (T, 3, 2, 2)."""

    size_px = SIDE_PX

    def __init__(self, source: ClipSource, mean: Floats, spread: Floats) -> None:
        self.labels, self.scene, self.class_names = source.labels, source.scene, source.class_names
        self.frames, self.path = source.frames, source.path
        self.numbers = ((sightings(source) - mean) / spread).astype(np.float32)

    def __len__(self) -> int:
        return len(self.labels)

    def fill(self, rows: NDArray[np.int64], epoch: int, out: NDArray[np.uint8]) -> Floats:
        """See `ClipSource.fill`; every epoch is alike."""
        assert self.path is not None
        out[:] = self.numbers[rows].view(np.uint8).reshape(out.shape)
        return self.path[rows, self.frames :].astype(np.float32)


def sightings(source: ClipSource) -> Floats:
    """Return x / z, y / z and 1 / z in the seen frames, (n, T, 3). Raises `DataError` where they are not known."""
    if source.path is None:
        raise DataError("the data has no positions")
    x, y, z = np.moveaxis(source.path[:, : source.frames], 2, 0)
    if (z <= 0).any():
        raise DataError("the positions are not in the frame of a camera that looks along z")
    return np.stack([x / z, y / z, 1 / z], axis=2).astype(np.float32)


def told(data: TrainingData) -> TrainingData:
    """Return the data as the oracle sees it. Raises `DataError`."""
    train = sightings(data.train)
    mean, spread = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    return replace(
        data,
        train=Sightings(data.train, mean, spread),
        validation=Sightings(data.validation, mean, spread),
        test=Sightings(data.test, mean, spread),
    )


class OracleExtractor(FeatureExtractor):
    """D = 64: what `keypoint` is behind its keypoints."""

    full_dim = 64

    def __init__(self) -> None:
        super().__init__()
        dim = self.feature_dim
        self.embed = nn.Linear(NUMBERS, dim)
        self.time = nn.Parameter(torch.randn(1, MAX_FRAMES, dim) * 0.02)
        self.mix = nn.Sequential(*(layer for _ in range(2) for layer in (SelfAttention(dim, 4), FeedForward(dim))))

    def extract(self, video: Tensor) -> Tensor:
        """Take the numbers out of their bytes (B, T, 3, 2, 2); no normalising step, they are no pictures."""
        return self.features(video.flatten(2).view(torch.float32))

    def features(self, video: Tensor) -> Tensor:
        return self.mix(self.embed(video) + self.time[:, : video.shape[1]])
