"""`slowfast`: SlowFast-R50 (Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019, table 1).

Two ResNet-50s look at one clip: the slow one at every 4th frame with all channels, the fast one at every frame with an
eighth of them. Before each stage of the slow one, what the fast one sees is joined to it by a convolution over time
(5x1x1, stride 4, twice the fast channels). Neither strides in time, so it is T / 4 and T steps throughout. At T = 16
that is four slow frames, as in the published 4x16 network (whose fast pathway has 32: its weights fit all the same).

| layer   | slow, every 4th frame               | fast, every frame                | 224x224 | 64x64 |
|---------|-------------------------------------|----------------------------------|---------|-------|
| conv1   | 1x7x7, 64, stride 1x2x2             | 5x7x7, 8, stride 1x2x2           | 112x112 | 32x32 |
| pool1   | 1x3x3, stride 1x2x2                 | 1x3x3, stride 1x2x2              | 56x56   | 16x16 |
| res2    | 3 x [1x1x1 64, 1x3x3 64, 1x1x1 256] | 3 x [3x1x1 8, 1x3x3 8, 1x1x1 32] | 56x56   | 16x16 |
| res3    | 4 x [1x1x1 128, 128, 512]           | 4 x [3x1x1 16, 16, 64]           | 28x28   | 8x8   |
| res4    | 6 x [3x1x1 256, 256, 1024]          | 6 x [3x1x1 32, 32, 128]          | 14x14   | 4x4   |
| res5    | 3 x [3x1x1 512, 512, 2048]          | 3 x [3x1x1 64, 64, 256]          | 7x7     | 2x2   |
| average | 2048                                | 256                              | 1x1     | 1x1   |

33,558,216 parameters at width 1; with the Kinetics head (2304 x 400 + 400) the 34.48 M of the public model zoo's 4x16
row (its 8x8 row, 34.57 M, has lateral kernels of 7). The last batch norm of a block starts at zero, as published. The
slow averages are brought back to one a frame beside the fast ones, and, which is ours, a linear map of where eight
learned points are on the maps of res3 is added, from each pathway (`PointReadout`): an average over space knows what
moves, but not where it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.models.conv3d import ConvNorm, Triple, scaled
from trainer.models.pooling import PointReadout
from trainer.models.pretrained import PretrainedExtractor, Published
from trainer.models.resample import resample

ALPHA = 4
"""Frames a slow frame."""
BETA = 1 / 8
"""Channels of the fast pathway, as a share of the slow one's."""
FAST_LEAST = 8
"""Channels that each fast layer keeps at small widths, the published conv1's: two of them would see nothing."""
LATERAL_KERNEL: Triple = (5, 1, 1)
LATERAL_RATIO = 2
STAGES = ("s1", "s2", "s3", "s4", "s5")
"""conv1 and res2 to res5."""
READ_AT = "s3"
INNER = (64, 128, 256, 512)
DEPTHS = (3, 4, 6, 3)
EXPANSION = 4
STEM = 64
SLOW_KERNELS = (1, 1, 1, 3, 3)
"""Of each stage, in time."""
FAST_KERNELS = (5, 3, 3, 3, 3)

RENAMES = (
    (r"^s(\d)(_fuse|\.multipathway_fusion)\.", r"lateral.s\1."),
    (r"^s(\d)\.(pathway|multipathway_blocks\.)0", r"slow.s\1"),
    (r"^s(\d)\.(pathway|multipathway_blocks\.)1", r"fast.s\1"),
    (r"_stem\.", "."),
    (r"(_res|\.res_blocks\.)(\d+)\.", r".\2."),
    (r"\.branch1\.", ".shortcut.conv."),
    (r"\.branch1_", ".shortcut."),
    (r"\.branch2\.([abc])\.", r".\1.conv."),
    (r"\.branch2\.([abc])_bn\.", r".\1.norm."),
    (r"\.branch2\.(conv|norm)_([abc])\.", r".\2.\1."),
    (r"\.conv_(f2s|fast_to_slow)\.", ".conv."),
    (r"\.bn\.", ".norm."),
)
"""From PySlowFast's names and pytorchvideo's to ours, one after the other."""


def rename(name: str) -> str:
    """Translate a name of either public layout; what has no counterpart comes back with no meaning here."""
    name = re.sub(r"^blocks\.(\d)\.", lambda found: f"s{int(found[1]) + 1}.", name)
    for pattern, ours in RENAMES:
        name = re.sub(pattern, ours, name)
    return name


class Bottleneck(nn.Module):
    """relu(shortcut(x) + c(b(a(x)))): 1x1 (or 3x1x1), 3x3 with the stride, 1x1 (He et al. 2016).

    The first of a stage has a convolution in its shortcut, at any width.
    """

    def __init__(
        self, inputs: int, inner: int, outputs: int, kernel: int, stride: int = 1, first: bool = False
    ) -> None:
        super().__init__()
        self.a = ConvNorm(inputs, inner, (kernel, 1, 1))
        self.b = ConvNorm(inner, inner, (1, 3, 3), (1, stride, stride))
        self.c = ConvNorm(inner, outputs, relu=False)
        nn.init.zeros_(self.c.norm.weight)
        self.shortcut: nn.Module = nn.Identity()
        if first:
            self.shortcut = ConvNorm(inputs, outputs, stride=(1, stride, stride), relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.c(self.b(self.a(x))))


def pathway(width: float, least: int, kernels: Sequence[int], joined: Sequence[int], outputs: int) -> nn.ModuleDict:
    """Return one ResNet-50 by stages, each fed `joined` channels more than the one before puts out."""
    before = scaled(STEM, width, least)
    stages: dict[str, nn.Module] = {"s1": ConvNorm(3, before, (kernels[0], 7, 7), (1, 2, 2))}
    for stage, kernel, inner, depth, more in zip(STAGES[1:], kernels[1:], INNER, DEPTHS, joined, strict=True):
        after = outputs if stage == STAGES[-1] else scaled(EXPANSION * inner, width, least)
        middle = scaled(inner, width, least)
        first = Bottleneck(before + more, middle, after, kernel, 1 if stage == "s2" else 2, first=True)
        rest = (Bottleneck(after, middle, after, kernel) for _ in range(depth - 1))
        stages[stage] = nn.Sequential(first, *rest)
        before = after
    return nn.ModuleDict(stages)


class SlowFastExtractor(PretrainedExtractor):
    """D = 2304 = 2048 + 256."""

    full_dim = 2304
    published = Published(
        address="https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/SLOWFAST_4x16_R50.pyth",
        rename=rename,
        scale=1 / 0.225,
        shift=-0.45 / 0.225,
    )

    def __init__(self, width: float = 1.0, *, pretrained: bool | str = False) -> None:
        super().__init__(width)
        thin = width * BETA
        wide = (STEM, *(EXPANSION * inner for inner in INNER[:-1]))
        fast = [scaled(channels, thin, FAST_LEAST) for channels in wide]
        joined = [LATERAL_RATIO * channels for channels in fast]
        fast_dim = max(1, round(self.feature_dim / 9))
        self.slow = pathway(width, 1, SLOW_KERNELS, joined, self.feature_dim - fast_dim)
        self.fast = pathway(thin, FAST_LEAST, FAST_KERNELS, [0] * len(joined), fast_dim)
        self.lateral = nn.ModuleDict(
            {
                stage: ConvNorm(channels, more, LATERAL_KERNEL, (ALPHA, 1, 1))
                for stage, channels, more in zip(STAGES[:-1], fast, joined, strict=True)
            }
        )
        self.slow_readout = PointReadout(scaled(EXPANSION * INNER[1], width), self.feature_dim)
        self.fast_readout = PointReadout(fast[2], self.feature_dim)
        self.start_from(pretrained)

    def features(self, video: Tensor) -> Tensor:
        frames = video.shape[1]
        clip = self.clip(video)
        slow, fast = pool1(self.slow["s1"](clip[:, :, ::ALPHA])), pool1(self.fast["s1"](clip))
        for before, stage in pairwise(STAGES):
            slow = self.slow[stage](torch.cat([slow, self.lateral[before](fast)], dim=1))
            fast = self.fast[stage](fast)
            if stage == READ_AT:
                where = resample(self.slow_readout(slow), frames, ALPHA, 0) + self.fast_readout(fast)
        what = torch.cat([resample(average(slow), frames, ALPHA, 0), average(fast)], dim=2)
        return what + where


def pool1(maps: Tensor) -> Tensor:
    """Return the maximum of 1x3x3 at a stride of 1x2x2."""
    return F.max_pool3d(maps, (1, 3, 3), (1, 2, 2), (0, 1, 1))


def average(maps: Tensor) -> Tensor:
    """Average (B, C, S, h, w) over space, giving (B, S, C)."""
    return maps.mean(dim=(3, 4)).transpose(1, 2)
