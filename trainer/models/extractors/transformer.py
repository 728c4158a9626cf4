"""`transformer`: tubelets of 2x8x8 pixels, factorised attention (space, then time) in every layer.

The factorised self-attention of ViViT's model 3 (Arnab et al. 2021). A step's patches become one feature by
`PatchReadout`, which also says where the looked-at thing is: pooled by attention alone, ten epochs on `medium` brought
72 % and a forecast worse than constant velocity.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.models.attention import FeedForward, SelfAttention
from trainer.models.extractor import FeatureExtractor, heads_for
from trainer.models.pooling import PatchReadout
from trainer.models.resample import resample

TUBELET_FRAMES = 2
PATCH_PX = 8
LAYERS = 4
MAX_STEPS = 32
MAX_PATCHES = 256


class SpaceTimeLayer(nn.Module):
    """Tokens (B, S, P, D): attention among the P patches of a step, then among the S steps of a patch, then MLP."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.space = SelfAttention(dim, heads)
        self.time = SelfAttention(dim, heads)
        self.feed_forward = FeedForward(dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, patches, dim = x.shape
        x = self.space(x.reshape(batch * steps, patches, dim)).view(batch, steps, patches, dim)
        x = self.time(x.transpose(1, 2).reshape(batch * patches, steps, dim))
        x = x.view(batch, patches, steps, dim).transpose(1, 2)
        return self.feed_forward(x)


class TransformerExtractor(FeatureExtractor):
    """D = 256, 4 layers, 8 heads."""

    full_dim = 256

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(width)
        dim = self.feature_dim
        self.embed = nn.Linear(3 * TUBELET_FRAMES * PATCH_PX**2, dim)
        self.step = nn.Parameter(torch.randn(1, MAX_STEPS, 1, dim) * 0.5)
        self.patch = nn.Parameter(torch.randn(1, 1, MAX_PATCHES, dim) * 0.5)
        self.layers = nn.Sequential(*(SpaceTimeLayer(dim, heads_for(dim, 8)) for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(dim)
        self.readout = PatchReadout(dim)

    def features(self, video: Tensor) -> Tensor:
        frames = video.shape[1]
        cut = tubelets(video)
        x = self.embed(cut)
        x = self.norm(self.layers(x + self.step[:, : x.shape[1]] + self.patch[:, :, : x.shape[2]]))
        rows, columns = video.shape[3] // PATCH_PX, video.shape[4] // PATCH_PX
        return resample(self.readout(x, cut.mean(dim=3, keepdim=True), rows, columns), frames)


def tubelets(video: Tensor) -> Tensor:
    """Cut (B, T, 3, H, W) into flat tubelets (B, S, P, 3 * 2 * 8 * 8); an odd T repeats its last frame."""
    if video.shape[1] % TUBELET_FRAMES:
        video = torch.cat([video, video[:, -1:]], dim=1)
    batch, frames, channels, height, width = video.shape
    steps, rows, columns = frames // TUBELET_FRAMES, height // PATCH_PX, width // PATCH_PX
    video = video[..., : rows * PATCH_PX, : columns * PATCH_PX]
    cut = video.reshape(batch, steps, TUBELET_FRAMES, channels, rows, PATCH_PX, columns, PATCH_PX)
    return cut.permute(0, 1, 4, 6, 2, 3, 5, 7).reshape(batch, steps, rows * columns, -1)
