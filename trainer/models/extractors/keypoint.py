"""`keypoint`: where in each frame are eight learned points, and how do they move?

A per-frame CNN makes one heat map a keypoint; layer-normalised, softened and averaged over the grid it becomes a
position to a fraction of a pixel (spatial soft-argmax, Levine et al. 2016). Two numbers more a keypoint, the mass
under it and over the whole map, carry apparent size and so depth. A small transformer mixes the frames.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.models.attention import FeedForward, SelfAttention
from trainer.models.extractor import FeatureExtractor, heads_for

KEYPOINTS = 8
MAX_FRAMES = 64
POSITION_GAIN = 6.0
"""A path spans about a sixth of [-1, 1]; positions start with more weight, which halves the epochs to learn."""


class KeypointExtractor(FeatureExtractor):
    """D = 128."""

    full_dim = 128

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(width)
        dim = self.feature_dim
        self.maps = nn.Sequential(
            nn.Conv2d(3, 24, 7, stride=4, padding=3),
            nn.ReLU(),
            nn.Conv2d(24, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 2 * KEYPOINTS, 1),
        )
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.embed = nn.Linear(4 * KEYPOINTS, dim)
        with torch.no_grad():
            self.embed.weight[:, : 2 * KEYPOINTS] *= POSITION_GAIN
        self.time = nn.Parameter(torch.randn(1, MAX_FRAMES, dim) * 0.02)
        heads = heads_for(dim, 4)
        self.mix = nn.Sequential(*(layer for _ in range(2) for layer in (SelfAttention(dim, heads), FeedForward(dim))))

    def features(self, video: Tensor) -> Tensor:
        batch, frames = video.shape[:2]
        points = self.keypoints(video.flatten(0, 1)).view(batch, frames, -1)
        return self.mix(self.embed(points) + self.time[:, :frames])

    def keypoints(self, frames: Tensor) -> Tensor:
        """Return (N, 4 K): x, y in [-1, 1], mass under the point, mass over the map / 4; frames (N, 3, H, W)."""
        heat, mass = self.maps(frames).chunk(2, dim=1)
        height, width = heat.shape[2:]
        weight = F.layer_norm(heat.flatten(2), (height * width,)) * self.sharpness
        weight = weight.softmax(dim=-1).view_as(heat)
        x = (weight.sum(dim=2) * torch.linspace(-1, 1, width, device=heat.device)).sum(dim=2)
        y = (weight.sum(dim=3) * torch.linspace(-1, 1, height, device=heat.device)).sum(dim=2)
        under = (weight * mass).sum(dim=(2, 3))
        return torch.cat([x, y, under, mass.relu().sum(dim=(2, 3)) / 4], dim=1)
