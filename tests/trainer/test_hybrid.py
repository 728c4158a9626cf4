"""Extractors beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.models.extractors import build_extractor
from trainer.models.extractors.fuse import FusedExtractor
from trainer.models.extractors.hybrid import HybridExtractor
from trainer.models.extractors.keypoint import KeypointExtractor
from trainer.models.extractors.statistical import StatisticalExtractor
from trainer.models.extractors.transformer import TransformerExtractor


def test_the_joined_features_are_those_of_the_parts_side_by_side() -> None:
    parts = [StatisticalExtractor(0.5), KeypointExtractor(0.25)]
    video = torch.randint(0, 256, (2, 5, 3, 32, 32), dtype=torch.uint8)
    fused = FusedExtractor(parts)
    assert fused.feature_dim == 32 + 32
    assert torch.equal(fused(video), torch.cat([part(video) for part in parts], dim=2))


def test_hybrid_is_statistics_beside_a_transformer_unless_told_otherwise() -> None:
    whole = HybridExtractor()
    assert [type(part) for part in whole.parts] == [StatisticalExtractor, TransformerExtractor]
    assert whole.feature_dim == HybridExtractor.full_dim == 320
    other = build_extractor(load_config("hybrid", ["visual=keypoint", "width=0.5"]))
    assert isinstance(other, HybridExtractor) and other.feature_dim == 32 + 64


def test_a_config_joins_any_two() -> None:
    pytest.importorskip("vector_quantize_pytorch")
    extractor = build_extractor(load_config("magvit", ["fuse=[statistical, magvit]"]))
    assert isinstance(extractor, FusedExtractor) and extractor.feature_dim == 4 + 16
    assert "no pretrained tokenizer" in extractor.note


def test_a_name_that_cannot_be_joined_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extractor: keypoint\nfuse: [i3d, magvitt]\n")
    with pytest.raises(ConfigError, match=r"mine.yaml:2: fuse cannot be 'magvitt'"):
        load_config(str(path))
