"""Encoder and decoder of MAGVIT-v2 (Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual
Generation", ICLR 2024, section 3.2 and the architecture figure of its appendix). Channels and output shapes:

| encoder               | channels | 17x128x128 | 16x64x64, patch 1 | 16x64x64, patch 4 |
|-----------------------|---------:|------------|-------------------|-------------------|
| first frame repeated  |        3 | 17x128x128 | 17x64x64          | 17x64x64 (to 48 channels of 17x16x16) |
| causal conv 3         |      128 | 17x128x128 | 17x64x64          | -                 |
| 4 blocks, stride 1x2x2 |     128 | 17x64x64   | 17x32x32          | -                 |
| 4 blocks, stride 2x2x2 |     256 | 9x32x32    | 9x16x16           | -                 |
| 4 blocks, stride 2x2x2 |     256 | 5x16x16    | 5x8x8             | 9x8x8 (from a conv at 17x16x16) |
| 4 + 4 blocks          |      512 | 5x16x16    | 5x8x8             | 9x8x8             |
| norm, swish, conv 1   | 6 (code) | 5x16x16    | 5x8x8             | 9x8x8             |

The decoder is its mirror image: strided convolutions become depth-to-space, and each stage starts with an adaptive
norm steered by the code. A block is norm, swish, conv 3, norm, swish, conv 3; norms are of single frames.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainer.models.tokenizer.layers import (
    AdaptiveNorm,
    CausalConv,
    FrameNorm,
    Upsample,
    pack_channels,
    patch,
    residual_stage,
    unpatch,
)
from trainer.models.tokenizer.shape import TokenizerShape


class Encoder(nn.Module):
    """(B, 3, 1 + k * time_stride, H, W) -> (B, code, 1 + k, H / space_stride, W / space_stride), not yet quantised."""

    def __init__(self, shape: TokenizerShape) -> None:
        super().__init__()
        stages, last = shape.stages, shape.stages[-1]
        self.patch_px = shape.patch_px
        layers: list[nn.Module] = [CausalConv(3 * shape.patch_px**2, stages[0])]
        inputs = stages[0]
        for channels, stride in zip(stages, (*shape.time_strides, 0), strict=True):
            layers.append(residual_stage(inputs, channels, shape.blocks))
            if stride:
                layers.append(CausalConv(channels, channels, stride=(stride, 2, 2)))
            inputs = channels
        layers.append(residual_stage(last, last, shape.blocks))
        layers += [FrameNorm(last), nn.SiLU(), CausalConv(last, len(shape.levels), 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, video: Tensor) -> Tensor:
        return self.layers(pack_channels(patch(video, self.patch_px)))


class Decoder(nn.Module):
    """The way back: (B, code, 1 + k, h, w) -> (B, 3, 1 + k * time_stride, H, W)."""

    def __init__(self, shape: TokenizerShape) -> None:
        super().__init__()
        code, inputs = len(shape.levels), shape.stages[-1]
        self.patch_px = shape.patch_px
        self.enter = nn.Sequential(CausalConv(code, inputs), residual_stage(inputs, inputs, shape.blocks))
        self.steer, self.stages = nn.ModuleList(), nn.ModuleList()
        for channels, stride in zip(reversed(shape.stages), (*reversed(shape.time_strides), 0), strict=True):
            self.steer.append(AdaptiveNorm(inputs, code))
            stage = residual_stage(inputs, channels, shape.blocks)
            self.stages.append(nn.Sequential(stage, Upsample(channels, stride)) if stride else stage)
            inputs = channels
        self.leave = nn.Sequential(FrameNorm(inputs), nn.SiLU(), CausalConv(inputs, 3 * shape.patch_px**2))

    def forward(self, code: Tensor) -> Tensor:
        x = self.enter(pack_channels(code))
        for steer, stage in zip(self.steer, self.stages, strict=True):
            x = stage(pack_channels(steer(x, code)))
        return unpatch(self.leave(x), self.patch_px)
