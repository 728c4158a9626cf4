"""The sequence model of the modular pipeline: frames that attend to frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.models.attention import FeedForward, SelfAttention

MOST_FRAMES = 64
"""Frames that a sequence may have."""


class SimpleTransformerSequence(nn.Module):
    """(N, T, input_dim) -> (N, T, width), T up to `MOST_FRAMES`: norm-first layers (Vaswani et al. 2017), each frame
    marked by a learned vector of its number. Raises ValueError for a width that the heads do not divide.
    """

    def __init__(self, input_dim: int, width: int = 64, heads: int = 4, layers: int = 4) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be divided among {heads} heads")
        self.input_dim, self.width, self.heads = input_dim, width, heads
        self.enter = nn.Linear(input_dim, width)
        self.when = nn.Parameter(0.1 * torch.randn(MOST_FRAMES, width))
        self.attend = nn.ModuleList(SelfAttention(width, heads) for _ in range(layers))
        self.think = nn.ModuleList(FeedForward(width) for _ in range(layers))
        self.leave = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        x = self._begin(features)
        for attend, think in zip(self.attend, self.think, strict=True):
            x = think(attend(x))
        return self.leave(x)

    def attention(self, features: Tensor) -> Tensor:
        """Return how much each frame takes of each other one, (layers, N, heads, T, T); rows sum to 1."""
        x, found = self._begin(features), []
        for attend, think in zip(self.attend, self.think, strict=True):
            assert isinstance(attend, SelfAttention)
            found.append(attend.weights(x))
            x = think(attend(x))
        return torch.stack(found)

    def _begin(self, features: Tensor) -> Tensor:
        if features.shape[1] > MOST_FRAMES:
            raise ValueError(f"{features.shape[1]} frames: a sequence has at most {MOST_FRAMES}")
        return self.enter(features) + self.when[: features.shape[1]]
