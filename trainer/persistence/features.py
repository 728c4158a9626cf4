"""What the sequence model is told of a track: its statistics, its looks, or both.

`magvit` is the encoder of the video tokenizer (`trainer.models.tokenizer`) on the crops of a track, so it sees shape
and what changes about it, and when the track was seen at all, but not where. Whole pictures would hide the shape: a
thing of 5 px is less than one of their codes. The encoder is small, and keeps every frame: patches of 4 px, then two
residual blocks (a stage and the last one), all causal in time.

| layer                       | a track of 25 frames of 16x16 px |
|-----------------------------|------------------------------|
| patches, causal conv 3      | 16 x 25x4x4                  |
| 2 blocks, norm, conv 1      | 6 x 25x4x4                   |
| finite scalar quantiser     | one of 64,000 codes a cell   |
| codes of a frame, linear    | 25 x 64                      |
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from trainer.models.extractor import normalise
from trainer.models.resample import resample
from trainer.models.tokenizer.shape import TokenizerShape
from trainer.models.tokenizer.tokenizer import VideoEncoder
from trainer.persistence.crops import SIDE
from trainer.persistence.statistics import NUMBERS

DIM = 64
"""Features a frame of each kind; `hybrid` has both."""
HIDDEN = 128
CHANNELS = 16
"""Of the encoder at width 1."""


class TrackFeatures(nn.Module, ABC):
    """numbers (N, T, NUMBERS) and crops (N, T, 3, SIDE, SIDE) uint8 of N tracks -> (N, T, feature_dim)."""

    feature_dim = DIM
    needs_numbers = True
    needs_crops = True

    @abstractmethod
    def forward(self, numbers: Tensor, crops: Tensor) -> Tensor: ...


class StatisticalFeatures(TrackFeatures):
    """The numbers through an MLP."""

    needs_crops = False

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(NUMBERS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, self.feature_dim))

    def forward(self, numbers: Tensor, crops: Tensor) -> Tensor:
        return self.layers(numbers)


class MagvitFeatures(TrackFeatures):
    """The crops through the encoder. `freeze` keeps its weights; else it is trained with the task, straight through the
    rounding.
    """

    needs_numbers = False

    def __init__(self, encoder: VideoEncoder, freeze: bool = False) -> None:
        super().__init__()
        self.tokens, self.freeze = encoder.requires_grad_(not freeze), freeze
        cells = (SIDE // encoder.shape.space_stride) ** 2
        self.embed = nn.Linear(cells * len(encoder.shape.levels), self.feature_dim)

    def forward(self, numbers: Tensor, crops: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze):
            codes = self.tokens.encode(normalise(crops))[0]
        features = self.embed(codes.transpose(1, 2).flatten(2))
        frames, steps, stride = crops.shape[1], features.shape[1], self.tokens.shape.time_stride
        return resample(features, frames, stride, first=frames - 1 - (steps - 1) * stride)


class HybridFeatures(TrackFeatures):
    """Both, side by side."""

    feature_dim = 2 * DIM

    def __init__(self, visual: MagvitFeatures) -> None:
        super().__init__()
        self.statistical, self.visual = StatisticalFeatures(), visual

    def forward(self, numbers: Tensor, crops: Tensor) -> Tensor:
        return torch.cat([self.statistical(numbers, crops), self.visual(numbers, crops)], dim=2)


def crop_shape(width: float = 1.0) -> TokenizerShape:
    """Return the sizes of a tokenizer for crops."""
    channels = 4 * max(1, round(CHANNELS / 4 * width))
    return TokenizerShape(channels=channels, multipliers=(1,), time_strides=(), blocks=1, patch_px=4)
