"""`hybrid`: what a tracker measures beside what a network sees; `statistical` and a visual extractor, joined.

| part            | 16x3x64x64 |
|-----------------|------------|
| `statistical`   | 16 x 64    |
| `transformer`, or another | 16 x 256 |
| beside each other | 16 x 320 |
"""

from __future__ import annotations

from trainer.models.extractor import FeatureExtractor
from trainer.models.extractors.fuse import FusedExtractor
from trainer.models.extractors.statistical import StatisticalExtractor
from trainer.models.extractors.transformer import TransformerExtractor


class HybridExtractor(FusedExtractor):
    """D = 320 with the transformer at width 1; `visual` takes its place."""

    full_dim = 320

    def __init__(self, width: float = 1.0, *, visual: FeatureExtractor | None = None) -> None:
        super().__init__([StatisticalExtractor(width), visual or TransformerExtractor(width)])
