"""What the 3D convolutional networks share: conv, batch norm, ReLU; padding; channels at a width."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

Triple = tuple[int, int, int]
"""Of time, height and width."""


def scaled(channels: int, width: float, least: int = 1) -> int:
    """Return the channels of a layer at `width`, but not fewer than `least`."""
    return max(least, round(channels * width))


class ConvNorm(nn.Module):
    """relu(norm(conv(x))); padded by half the kernel unless told otherwise. Batch norm has the conv's bias."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Triple = (1, 1, 1),
        stride: Triple = (1, 1, 1),
        *,
        padding: Triple | None = None,
        relu: bool = True,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        half = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding or half, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        self.norm = nn.BatchNorm3d(outputs, eps=eps, momentum=momentum)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


def pad_same(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Pad (B, C, T, H, W) by zeros so that each size becomes ceil(size / stride); the odd zero goes to the end."""
    padding: list[int] = []
    for size, window, step in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        total = max((-(-size // step) - 1) * step + window - size, 0)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding) if any(padding) else x
