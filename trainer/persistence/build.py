"""A pipeline from its plain description, which every checkpoint and every filter holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trainer.errors import ConfigError
from trainer.models.tokenizer.shape import TokenizerShape
from trainer.models.tokenizer.tokenizer import VideoEncoder, load_encoder
from trainer.persistence.crops import SIDE
from trainer.persistence.features import (
    HybridFeatures,
    MagvitFeatures,
    StatisticalFeatures,
    TrackFeatures,
    crop_shape,
)
from trainer.persistence.head import PersistenceHead
from trainer.persistence.pipeline import ModularTrackingPipeline
from trainer.persistence.sequence import SimpleTransformerSequence

Features = Literal["statistical", "magvit", "hybrid"]


def build_pipeline(
    features: Features, width: int = 64, heads: int = 4, *, tokenizer: str = "", freeze: bool = False,
    shape: Mapping[str, Any] | None = None, encoder_width: float = 1.0,
) -> ModularTrackingPipeline:  # fmt: skip
    """Return a new pipeline. `tokenizer` is a file of `trainer pretrain magvit --config persistence-magvit` to start
    from; `shape` builds the encoder of such a file without it, for weights to come. Raises `ConfigError`.
    """
    start = crop_shape(encoder_width).to_json() if not (shape or tokenizer or freeze) else shape
    part = _features(features, tokenizer, freeze, start)
    try:
        sequence = SimpleTransformerSequence(part.feature_dim, width, heads)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    return ModularTrackingPipeline(part, sequence, PersistenceHead(width, per_frame=True))


def _features(kind: Features, tokenizer: str, freeze: bool, shape: Mapping[str, Any] | None) -> TrackFeatures:
    if kind == "statistical":
        return StatisticalFeatures()
    if shape is not None:
        encoder = VideoEncoder(TokenizerShape.from_json(dict(shape)))
    elif tokenizer:
        encoder = load_encoder(Path(tokenizer))
    else:
        raise ConfigError(
            "freeze keeps the weights of a pretrained tokenizer, and none is named",
            hint="tokenizer=PATH of a file of `trainer pretrain magvit --config persistence-magvit`, or freeze=false",
        )
    if SIDE % encoder.shape.space_stride:
        raise ConfigError(
            f"{tokenizer}: its codes are of {encoder.shape.space_stride} px, which do not divide a crop of {SIDE} px",
            hint="make one for crops: trainer pretrain magvit --config persistence-magvit",
        )
    visual = MagvitFeatures(encoder, freeze)
    return visual if kind == "magvit" else HybridFeatures(visual)


def description_of(pipeline: ModularTrackingPipeline) -> dict[str, Any]:
    """Return what `build_pipeline` needs to build the same network, as plain values."""
    kinds: dict[type, Features] = {
        StatisticalFeatures: "statistical", MagvitFeatures: "magvit", HybridFeatures: "hybrid"
    }  # fmt: skip
    part = pipeline.features
    visual = part.visual if isinstance(part, HybridFeatures) else part
    shape = visual.tokens.shape.to_json() if isinstance(visual, MagvitFeatures) else None
    sequence = pipeline.sequence
    return {"features": kinds[type(part)], "width": sequence.width, "heads": sequence.heads, "shape": shape}
