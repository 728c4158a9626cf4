"""Pre-norm self-attention and MLP, the two residual steps of every transformer here (Vaswani et al. 2017), and what
such a network attends to.
"""

from __future__ import annotations

import math
from functools import partial

import torch
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
        mixed = F.scaled_dot_product_attention(*self.split(x))
        return x + self.project(mixed.transpose(1, 2).reshape(x.shape))

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value of each head, (N, heads, L, D / heads)."""
        count, length, dim = x.shape
        split = self.query_key_value(self.norm(x)).view(count, length, 3, self.heads, dim // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        return query, key, value

    def weights(self, x: Tensor) -> Tensor:
        """Return softmax(Q K^T / sqrt(D / heads)), (N, heads, L, L): how much each row takes of each column's value.

        `forward` never makes them: the fused attention is faster without.
        """
        query, key, _ = self.split(x)
        return (query @ key.transpose(2, 3) / math.sqrt(query.shape[3])).softmax(dim=3)


class FeedForward(nn.Module):
    """x + mlp(norm(x))."""

    def __init__(self, dim: int, ratio: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, ratio * dim), nn.GELU(), nn.Linear(ratio * dim, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


@torch.no_grad()
def attention_maps(model: nn.Module, video: Tensor) -> dict[str, Tensor]:
    """Return what every `SelfAttention` of a model attends to in these clips, by its name within the model.

    The maps of a layer are (B, G, heads, L, L), each row sums to 1. L is what it attends among and G what it does not:
    frames (`keypoint`: G = 1), or, by turns, the patches of G steps and the steps of G patches (`transformer`).
    Raises `ValueError` for a model that has none. The model stays in the mode that it is in; evaluate in `eval()`.

        trained = load_trained("runs/mine")
        maps = attention_maps(trained.model.eval(), video)  # (B, T, 3, H, W)
        maps["extractor.layers.0.space"].mean(dim=2)  # over the heads
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, SelfAttention)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no self-attention")
    found: dict[str, Tensor] = {}

    def keep(name: str, layer: SelfAttention, inputs: tuple[Tensor]) -> None:
        found[name] = layer.weights(inputs[0]).unflatten(0, (len(video), -1))

    hooks = [layer.register_forward_pre_hook(partial(keep, name)) for name, layer in layers.items()]
    try:
        model(video)
    finally:
        for hook in hooks:
            hook.remove()
    return found
