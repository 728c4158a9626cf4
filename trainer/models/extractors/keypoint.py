"""`keypoint`: where in each frame are eight learned points, and how do they move?

A per-frame CNN makes one heat map a keypoint; layer-normalised, softened and averaged over the grid it becomes a
position to a fraction of a pixel (spatial soft-argmax, Levine et al. 2016). Two numbers more a keypoint, the mass
under it and over the whole map, carry apparent size and so depth. A small transformer mixes the frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.models.attention import FeedForward, SelfAttention
from trainer.models.extractor import FeatureExtractor, heads_for
from trainer.models.pooling import embed_points, soft_points

KEYPOINTS = 8
MAX_FRAMES = 64


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
        self.embed = embed_points(KEYPOINTS, dim)
        self.time = nn.Parameter(torch.randn(1, MAX_FRAMES, dim) * 0.02)
        heads = heads_for(dim, 4)
        self.mix = nn.Sequential(*(layer for _ in range(2) for layer in (SelfAttention(dim, heads), FeedForward(dim))))

    def features(self, video: Tensor) -> Tensor:
        batch, frames = video.shape[:2]
        points = self.keypoints(video.flatten(0, 1)).view(batch, frames, -1)
        return self.mix(self.embed(points) + self.time[:, :frames])

    def keypoints(self, frames: Tensor) -> Tensor:
        """Return the `soft_points` (N, 4 K) of frames (N, 3, H, W)."""
        heat, mass = self.maps(frames).chunk(2, dim=1)
        return soft_points(heat, mass, self.sharpness)
