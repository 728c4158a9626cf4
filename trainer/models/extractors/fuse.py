"""`fuse`: the features of several extractors beside each other, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from trainer.models.extractor import FeatureExtractor


class FusedExtractor(FeatureExtractor):
    """D = the sum of its parts' D; each part sees the same normalised video."""

    full_dim = 1

    def __init__(self, parts: Sequence[FeatureExtractor]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self._feature_dim = sum(part.feature_dim for part in parts)
        self.note = "; ".join(part.note for part in parts if part.note)

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        return {name: shape for part in self.parts for name, shape in cast(FeatureExtractor, part).shapes.items()}

    def features(self, video: Tensor) -> Tensor:
        return torch.cat([cast(FeatureExtractor, part).features(video) for part in self.parts], dim=2)
