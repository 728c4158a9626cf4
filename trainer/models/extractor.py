"""The one interface of all feature extractors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

GAIN, OFFSET = 4.0, -0.08
"""What every network sees is GAIN * picture + OFFSET, for a picture in [0, 1]."""


class FeatureExtractor(nn.Module, ABC):
    """video (B, T, 3, H, W), uint8 or float32 in [0, 1] -> features (B, T, D).

    T is kept: a network that strides in time is resampled back. All extractors share one normalising first step.
    """

    full_dim: int
    """D at width 1."""
    options: ClassVar[tuple[str, ...]] = ()
    """Keys of the config that the constructor takes beside the width, under the same names."""
    note = ""
    """What a reader of the log must know about the weights that training starts from."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self._feature_dim = round(self.full_dim * width)
        if self._feature_dim < 1:
            raise ValueError(f"width {width} leaves no features of {self.full_dim}")

    @property
    def feature_dim(self) -> int:
        """D = round(full_dim * width)."""
        return self._feature_dim

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        """What a file settled of the network, as JSON values by the extractor's name; {} where the config settles all.

        `build_extractor` takes it in place of that file: so weights that a checkpoint holds need no other to be read.
        """
        return {}

    def forward(self, video: Tensor) -> Tensor:
        return self.extract(video)

    def extract(self, video: Tensor) -> Tensor:
        """Check, normalise, and return features (B, T, D)."""
        return self.features(normalise(check_video(video)))

    @abstractmethod
    def features(self, video: Tensor) -> Tensor:
        """Map normalised float32 video (B, T, 3, H, W) to features (B, T, D)."""


def check_video(video: Tensor) -> Tensor:
    """Refuse everything but a batch of colour videos with a ValueError that says what came instead."""
    if video.ndim == 3 and video.shape[-1] == 2:
        raise ValueError(f"got coordinates of shape {tuple(video.shape)}; an extractor takes pixels (B, T, 3, H, W)")
    if video.ndim != 5 or video.shape[2] != 3:
        raise ValueError(f"expected video (B, T, 3, H, W), got shape {tuple(video.shape)}")
    if video.dtype not in (torch.uint8, torch.float32):
        raise ValueError(f"expected uint8 or float32 video, got {video.dtype}")
    return video


def normalise(video: Tensor) -> Tensor:
    """Map [0, 1] (or 0..255) to about unit scale: dark background near zero, bright objects near four."""
    scale = GAIN / 255.0 if video.dtype is torch.uint8 else GAIN
    return (video.float() * scale).add_(OFFSET)


def heads_for(dim: int, wanted: int) -> int:
    """Return the largest number of attention heads up to `wanted` that divides `dim`."""
    return next(heads for heads in range(min(wanted, dim), 0, -1) if dim % heads == 0)
