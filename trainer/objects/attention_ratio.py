"""How much more attention the tokens of persistent objects receive than those of transient ones.

Received is the mean over heads, over all queries of a clip, and over layers (or one layer's); the ratio is its mean
over persistent tokens divided by its mean over transient ones. Where attention is uniform it is exactly 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderer.scenes import Persistence

HIGH = 3.0
"""A ratio above this is what supervision is for."""
WANTED = 64.0
"""Supervision asks for this ratio in every layer."""
_LEAST = 1e-6


def attention_ratios(received: Tensor, kind: Tensor) -> Tensor:
    """Return the ratio of each clip, (B, ...): NaN in a clip that lacks a kind. `received` is (B, ..., L), `kind` of
    the tokens (B, L), less than zero where there is none.
    """
    means, there = [], []
    for wanted in (Persistence.PERSISTENT, Persistence.TRANSIENT):
        mine = (kind == wanted).to(received.dtype).reshape(len(kind), *[1] * (received.ndim - 2), -1)
        count = mine.sum(dim=-1)
        means.append((received * mine).sum(dim=-1) / count.clamp(min=1))
        there.append(count > 0)
    return (means[0] / means[1].clamp(min=_LEAST)).masked_fill(~(there[0] & there[1]), torch.nan)


def supervision_loss(received: Tensor, kind: Tensor) -> Tensor:
    """Return how far (Kullback-Leibler) the attention that tokens receive is from one in which each persistent token
    receives `WANTED` times what a transient one does, mean over layers, (B,); 0 in clips without both kinds.
    `received` is (B, layers, L). Asking for the ratio alone is met by heads that look at one sure token only.
    """
    known = kind >= 0
    both = (kind == Persistence.PERSISTENT).any(dim=1) & (kind == Persistence.TRANSIENT).any(dim=1)
    wanted = torch.where(kind == Persistence.PERSISTENT, WANTED, 1.0) * known
    wanted = (wanted / wanted.sum(dim=1, keepdim=True).clamp(min=1))[:, None]
    share = received * known[:, None]
    share = share / share.sum(dim=2, keepdim=True).clamp(min=_LEAST)
    apart = wanted * (wanted.clamp(min=_LEAST).log() - share.clamp(min=_LEAST).log())
    return apart.sum(dim=2).mean(dim=1) * both


def ratio_figures(ratios: Sequence[NDArray[np.floating]]) -> dict[str, float]:
    """Return the figures of the ratios of some clips, each (1 + layers,): all layers together, then each."""
    table = np.array([one for one in ratios if np.isfinite(one).all()])
    if not len(table):
        return {}
    every = table[:, 0]
    return {
        "attention_ratio": float(np.median(every)),
        "attention_ratio_geometric": float(np.exp(np.log(np.maximum(every, _LEAST)).mean())),
        "attention_ratio_above_3": float((every > HIGH).mean()),
        "attention_ratio_n": len(every),
    } | {f"attention_ratio_layer_{number}": float(np.median(one)) for number, one in enumerate(table[:, 1:].T, 1)}
