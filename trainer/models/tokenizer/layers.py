"""Causal layers: what comes out at step t depends on steps up to t alone. Tensors are (B, C, T, H, W)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 32
"""Of group norm at full width; fewer channels have fewer groups of four."""


class CausalConv(nn.Module):
    """A 3D convolution padded with zeros by kernel - 1 steps in front, and evenly in space."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: tuple[int, int, int] = (1, 1, 1),
                 bias: bool = True) -> None:  # fmt: skip
        super().__init__()
        side = kernel // 2
        self.before = kernel - 1
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding=(0, side, side), bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 0, 0, 0, self.before, 0)) if self.before else x)


class FrameNorm(nn.GroupNorm):
    """Group norm of each step by itself: statistics over time would let the future through."""

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__(max(1, min(GROUPS, channels // 4)), channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, steps = x.shape[:3]
        frames = super().forward(x.transpose(1, 2).flatten(0, 1))
        return frames.unflatten(0, (batch, steps)).transpose(1, 2)


class ResidualBlock(nn.Module):
    """x + conv(swish(norm(conv(swish(norm(x)))))), with a 1x1x1 convolution of x where the channels change."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            FrameNorm(inputs),
            nn.SiLU(),
            CausalConv(inputs, outputs, bias=False),
            FrameNorm(outputs),
            nn.SiLU(),
            CausalConv(outputs, outputs, bias=False),
        )
        self.skip = nn.Identity() if inputs == outputs else CausalConv(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.layers(x)


def residual_stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """Return `blocks` residual blocks; the first changes the channels."""
    return nn.Sequential(*(ResidualBlock(outputs if index else inputs, outputs) for index in range(blocks)))


class AdaptiveNorm(nn.Module):
    """`FrameNorm` whose scale and shift are linear in the code of the place (StyleGAN's control, section 3.2)."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.norm = FrameNorm(channels, affine=False)
        self.control = nn.Conv3d(code, 2 * channels, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.control(code).chunk(2, dim=1)
        return self.norm(x) * (1 + spread(scale, x)) + spread(shift, x)


def spread(coarse: Tensor, fine: Tensor) -> Tensor:
    """Repeat each cell of `coarse` over the cells of `fine` that it stands for; of the first step there is one."""
    time = -(-(fine.shape[2] - 1) // max(coarse.shape[2] - 1, 1)) or 1
    side = fine.shape[3] // coarse.shape[3]
    fitting = coarse.repeat_interleave(time, 2)[:, :, time - 1 :] if time > 1 else coarse
    return fitting.repeat_interleave(side, 3).repeat_interleave(side, 4)


class Upsample(nn.Module):
    """Depth to space: a convolution makes the channels of `time` x 2 x 2 cells, which are then laid out."""

    def __init__(self, channels: int, time: int) -> None:
        super().__init__()
        self.time = time
        self.conv = CausalConv(channels, channels * time * 4)

    def forward(self, x: Tensor) -> Tensor:
        """Of n steps make time * (n - 1) + 1: the first step stands for one frame only."""
        return unpatch(self.conv(x), 2, self.time)[:, :, self.time - 1 :]


def patch(x: Tensor, side: int) -> Tensor:
    """Space to depth: (B, C, T, H, W) -> (B, C * side^2, T, H / side, W / side)."""
    if side == 1:
        return x
    batch, channels, steps, height, width = x.shape
    cut = x.reshape(batch, channels, steps, height // side, side, width // side, side)
    return cut.permute(0, 1, 4, 6, 2, 3, 5).flatten(1, 3)


def unpatch(x: Tensor, side: int, time: int = 1) -> Tensor:
    """Depth to space and time: (B, C * time * side^2, T, H, W) -> (B, C, time * T, side * H, side * W)."""
    if side == time == 1:
        return x
    batch, depth, steps, height, width = x.shape
    cut = x.reshape(batch, depth // (time * side**2), time, side, side, steps, height, width)
    laid = cut.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return laid.reshape(batch, -1, time * steps, side * height, side * width)


def pack_channels(x: Tensor) -> Tensor:
    """Lay channels innermost: a third less time a convolution on a CPU, and `FrameNorm` needs no copy."""
    return x.contiguous(memory_format=torch.channels_last_3d)
