"""`clip`: every frame by itself through a frozen CLIP image encoder (Radford et al. 2021, "Learning Transferable
Visual Models From Natural Language Supervision"), by the library `transformers`.

| layer (ViT-B/32)                             | a frame of 64x64, or any other size |
|----------------------------------------------|------------------|
| bicubic resize, CLIP's mean and deviation    | 3x224x224        |
| patches of 32 px, class token, 12 layers     | 50 x 768         |
| class token, norm, projection                | 512              |
| + where learned points are on the patches    | 512              |

The image tower has 87,849,216 parameters, projection included. It stays as published and in evaluation mode. What is
learned is a norm and a linear map of its embedding, and `PointReadout` on its patches: the embedding says what is in
the picture, hardly where it is. A 5-pixel sphere covers a third of one patch, so expect little of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.errors import CheckpointError, ConfigError
from trainer.models.extractor import GAIN, OFFSET, FeatureExtractor
from trainer.models.pooling import PointReadout

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

VIT_B_32 = "openai/clip-vit-base-patch32"
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


class ClipExtractor(FeatureExtractor):
    """D = 512. `clip_weights` is a folder that `save_pretrained` wrote, or the name of a model on the hub. `tower` is
    the config of such a model: it is built without those weights, for others to come.
    """

    mean: Tensor
    deviation: Tensor
    full_dim = 512
    options = ("clip_weights",)

    def __init__(
        self, width: float = 1.0, *, clip_weights: str = VIT_B_32, tower: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(width)
        self.tower = load_tower(clip_weights) if tower is None else build_tower(tower)
        config: Any = self.tower.config
        self.side_px: int = config.image_size
        self.grid: int = config.image_size // config.patch_size
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.what = nn.Sequential(
            nn.LayerNorm(config.projection_dim), nn.Linear(config.projection_dim, self.feature_dim)
        )
        self.where = PointReadout(config.hidden_size, self.feature_dim)

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        return {"clip": {"tower": json.loads(self.tower.config.to_json_string(use_diff=False))}}

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all but the tower, which stays in evaluation mode."""
        super().train(mode)
        self.tower.eval()
        return self

    def features(self, video: Tensor) -> Tensor:
        batch, frames = video.shape[:2]
        embedding, patches = self.look(((video - OFFSET) / GAIN).flatten(0, 1))
        maps = patches.transpose(1, 2).unflatten(2, (self.grid, self.grid)).unflatten(0, (batch, frames))
        return self.what(embedding).unflatten(0, (batch, frames)) + self.where(maps.transpose(1, 2))

    @torch.no_grad()
    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (N, P) and patch tokens (N, grid^2, hidden) of pictures (N, 3, H, W) in [0, 1]."""
        side = (self.side_px, self.side_px)
        resized = F.interpolate(pictures, side, mode="bicubic", align_corners=False, antialias=True)
        seen = self.tower(pixel_values=(resized.clamp(0, 1) - self.mean) / self.deviation)
        return seen.image_embeds, seen.last_hidden_state[:, 1:]


def library() -> Any:
    """Return `transformers`, quiet. Raises `ConfigError` where it is not installed."""
    try:
        import transformers
    except ImportError as exc:
        raise ConfigError("the clip extractor needs the library transformers", hint="pip install transformers") from exc
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return transformers


def build_tower(config: Mapping[str, Any]) -> CLIPVisionModelWithProjection:
    """Return the frozen image tower of a config, its weights random. Raises `ConfigError` without the library."""
    found = library()
    tower: CLIPVisionModelWithProjection = found.CLIPVisionModelWithProjection(found.CLIPVisionConfig(**config))
    return tower.requires_grad_(False).eval()


def load_tower(weights: str) -> CLIPVisionModelWithProjection:
    """Return the frozen image tower. Raises `ConfigError` without the library, `CheckpointError` without weights."""
    found = library()
    try:
        tower: CLIPVisionModelWithProjection = found.CLIPVisionModelWithProjection.from_pretrained(weights)
    except (OSError, ValueError) as exc:
        raise CheckpointError(
            f"no CLIP weights at {weights!r}: {str(exc).splitlines()[0]}",
            hint=f"download {VIT_B_32} where you can, copy its folder here and name it: clip_weights=FOLDER",
        ) from exc
    return tower.requires_grad_(False).eval()
