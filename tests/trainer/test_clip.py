"""CLIP's frames: a tiny random image tower in the library's own layout; the published one by its sizes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.folders import write_clip_tower
from trainer.errors import CheckpointError
from trainer.models.extractors.clip import DEVIATION, MEAN, ClipExtractor
from trainer.models.unified import UnifiedModel

transformers: Any = pytest.importorskip("transformers", reason="the clip extractor needs the library transformers")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    return str(write_clip_tower(tmp_path_factory.mktemp("clip")))


def video(side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (2, 5, 3, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.slow  # 4 s
def test_the_published_tower_has_its_published_size() -> None:
    """87,849,216: the image half of the 151,277,313 parameters of OpenAI's ViT-B/32, whose sizes are the library's
    defaults, with the projection to 512."""
    with torch.device("meta"):
        tower = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(projection_dim=512))
    assert sum(value.numel() for value in tower.parameters()) == 87_849_216
    assert (tower.config.patch_size, tower.config.image_size, tower.config.num_hidden_layers) == (32, 224, 12)


@pytest.mark.parametrize("width", [1.0, 0.25])
def test_features_of_any_picture_size(weights: str, width: float) -> None:
    extractor = ClipExtractor(width, clip_weights=weights)
    assert extractor.feature_dim == 512 * width
    for side in (32, 64, 112):
        assert extractor(video(side)).shape == (2, 5, extractor.feature_dim)
    assert torch.allclose(extractor(video()), extractor(video().float() / 255), atol=1e-4)


def test_the_tower_sees_clips_own_normalisation(weights: str) -> None:
    extractor, seen = ClipExtractor(clip_weights=weights), []
    extractor.tower.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs), with_kwargs=True)
    extractor(torch.full((1, 1, 3, 64, 64), 0.5))
    expected = (0.5 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    assert torch.allclose(seen[0]["pixel_values"][0, :, 9, 40], expected, atol=1e-5)


def test_only_the_read_out_learns_and_a_checkpoint_holds_the_tower(weights: str) -> None:
    torch.manual_seed(0)
    model = UnifiedModel(ClipExtractor(0.25, clip_weights=weights), frames=5).train()
    tower = model.extractor.tower
    assert isinstance(tower, torch.nn.Module) and not tower.training
    model(video())["classification"].sum().backward()
    learned = {name for name, value in model.extractor.named_parameters() if value.grad is not None}
    assert learned and not any(name.startswith("tower.") for name in learned)
    without_its_file = ClipExtractor(0.25, clip_weights="gone", **model.extractor.shapes["clip"])
    other = UnifiedModel(without_its_file, frames=5).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(video())["prediction"], model.eval()(video())["prediction"])


def test_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no CLIP weights at") as caught:
        ClipExtractor(clip_weights=str(tmp_path / "nothing"))
    assert "clip_weights=FOLDER" in caught.value.hint
