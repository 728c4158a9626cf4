"""The registry of feature extractors: a new one is one file and one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.models.extractor import FeatureExtractor
from trainer.models.extractors.clip import ClipExtractor
from trainer.models.extractors.fuse import FusedExtractor
from trainer.models.extractors.hybrid import HybridExtractor
from trainer.models.extractors.i3d import I3DExtractor
from trainer.models.extractors.keypoint import KeypointExtractor
from trainer.models.extractors.magvit import MagvitExtractor
from trainer.models.extractors.slowfast import SlowFastExtractor
from trainer.models.extractors.statistical import StatisticalExtractor
from trainer.models.extractors.transformer import TransformerExtractor
from trainer.models.pretrained import PretrainedExtractor

EXTRACTORS: dict[str, type[FeatureExtractor]] = {
    "clip": ClipExtractor,
    "hybrid": HybridExtractor,
    "i3d": I3DExtractor,
    "keypoint": KeypointExtractor,
    "magvit": MagvitExtractor,
    "slowfast": SlowFastExtractor,
    "statistical": StatisticalExtractor,
    "transformer": TransformerExtractor,
}


Shapes = Mapping[str, Mapping[str, Any]]
"""`FeatureExtractor.shapes` of a network that was built before."""


def build_extractor(config: TrainConfig, shapes: Shapes | None = None) -> FeatureExtractor:
    """Return the extractor of a config, or the several that it joins. Raises `ConfigError`, `CheckpointError`."""
    built = [_build(name, config, shapes or {}) for name in config.fuse or [config.extractor]]
    extractor = FusedExtractor(built) if config.fuse else built[0]
    if config.pretrained and not any(isinstance(part, PretrainedExtractor) for part in extractor.modules()):
        raise ConfigError(
            "no public weights are known for these extractors", hint="pretrained is for i3d and slowfast: leave it out"
        )
    return extractor


def _build(name: str, config: TrainConfig, shapes: Shapes) -> FeatureExtractor:
    if name == "hybrid":
        return HybridExtractor(config.width, visual=_build(config.visual, config, shapes))
    kind = EXTRACTORS[name]
    return kind(config.width, **{option: getattr(config, option) for option in kind.options}, **shapes.get(name, {}))
