"""Bring features of fewer steps back to one a frame."""

from __future__ import annotations

import torch
from torch import Tensor


def resample(features: Tensor, frames: int, stride: float | None = None, first: float | None = None) -> Tensor:
    """Bring (B, S, D) to (B, frames, D) by linear interpolation in time, constant beyond the first and last step.

    Step s stands at frame `first + s * stride`; by default each step at the middle of its share of the frames. A
    product with a fixed matrix, since the backward pass of torch's own interpolation is not deterministic on GPUs.
    """
    steps = features.shape[1]
    stride = frames / steps if stride is None else stride
    first = (stride - 1) / 2 if first is None else first
    place = ((torch.arange(frames, device=features.device) - first) / stride).clamp(0, steps - 1)
    distance = (place[:, None] - torch.arange(steps, device=features.device)).abs()
    return (1 - distance).clamp(min=0).to(features.dtype) @ features
