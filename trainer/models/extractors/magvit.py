"""`magvit`: the codes of a MAGVIT-v2-style video tokenizer, embedded (Yu et al., "Language Model Beats Diffusion:
Tokenizer is Key to Visual Generation", ICLR 2024; its layers are in `trainer.models.tokenizer.coder`).

| layer                        | 17x128x128         | 16x64x64, patch 1 | 16x64x64, patch 4 |
|------------------------------|--------------------|-------------------|-------------------|
| causal 3D encoder            | 6 x 5x16x16        | 6 x 5x8x8         | 6 x 9x8x8         |
| finite scalar quantiser      | one of 64,000 codes a cell | the same  | the same          |
| embedding of the codes       | 256 x 5x16x16      | 256 x 5x8x8       | 256 x 9x8x8       |
| mean + where learned points are | 5 x 256         | 5 x 256           | 9 x 256           |
| one a frame, interpolated    | 17 x 256           | 16 x 256          | 16 x 256          |

The encoder has 144,859,270 parameters at full width. The decoder is only needed to train the tokenizer. A mean over
space says what there is, but not where: `PointReadout` adds that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.models.extractor import FeatureExtractor
from trainer.models.pooling import PointReadout
from trainer.models.resample import resample
from trainer.models.tokenizer.shape import TokenizerShape, shape_for
from trainer.models.tokenizer.tokenizer import VideoEncoder, load_encoder


class MagvitExtractor(FeatureExtractor):
    """D = 256.

    `tokenizer` is the path of a file of `trainer pretrain magvit`, which then settles the encoder's size; `freeze`
    keeps its weights. Without one the encoder is trained with the tasks, straight through the rounding. `shape` builds
    the encoder of that file without it, for weights to come.
    """

    full_dim = 256
    options = ("tokenizer", "freeze", "patch_px")

    def __init__(
        self, width: float = 1.0, *, tokenizer: str = "", freeze: bool = False, patch_px: int = 1,
        shape: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(width)
        if freeze and not tokenizer:
            raise ConfigError(
                "freeze keeps the weights of a pretrained tokenizer, and none is named",
                hint="tokenizer=PATH of a file that `trainer pretrain magvit` wrote, or freeze=false",
            )
        if shape is not None:
            self.tokens = VideoEncoder(TokenizerShape.from_json(dict(shape)))
        else:
            self.tokens = load_encoder(Path(tokenizer)) if tokenizer else VideoEncoder(shape_for(width, patch_px))
        self.tokens.requires_grad_(not freeze)
        if not tokenizer:
            self.note = "magvit: no pretrained tokenizer is named, so its encoder is trained with the tasks"
        self.embed = nn.Conv3d(len(self.tokens.shape.levels), self.feature_dim, 1)
        self.where = PointReadout(self.feature_dim, self.feature_dim)

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        return {"magvit": {"shape": self.tokens.shape.to_json()}}

    def features(self, video: Tensor) -> Tensor:
        embedded = self.embed(self.tokens.encode(video)[0])
        features = embedded.mean(dim=(3, 4)).transpose(1, 2) + self.where(embedded)
        frames, steps, stride = video.shape[1], features.shape[1], self.tokens.shape.time_stride
        return resample(features, frames, stride, first=frames - 1 - (steps - 1) * stride)
