"""Pre-norm self-attention and MLP, the two residual steps of every transformer here (Vaswani et al. 2017)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """x + attend(norm(x)) over the second axis of (N, L, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        count, length, dim = x.shape
        split = self.query_key_value(self.norm(x)).view(count, length, 3, self.heads, dim // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return x + self.project(mixed.transpose(1, 2).reshape(count, length, dim))


class FeedForward(nn.Module):
    """x + mlp(norm(x))."""

    def __init__(self, dim: int, ratio: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, ratio * dim), nn.GELU(), nn.Linear(ratio * dim, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)
