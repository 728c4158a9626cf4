"""Extractors behind one interface, the unified model, the loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.losses import compute_loss
from trainer.models.extractors import EXTRACTORS
from trainer.models.extractors.keypoint import KeypointExtractor
from trainer.models.extractors.transformer import TransformerExtractor, tubelets
from trainer.models.unified import UnifiedModel

WIDTHS = {
    "i3d": 1024,
    "slowfast": 2304,
    "keypoint": 128,
    "transformer": 256,
    "magvit": 256,
    "statistical": 64,
    "hybrid": 320,
    "clip": 512,
}
LIGHT = sorted(set(EXTRACTORS) - {"clip"})
"""Those that need no files; `clip` has tests of its own."""


def video(batch: int = 2, frames: int = 4, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, frames, 3, side, side), generator=generator, dtype=torch.uint8)


def test_the_widths_are_those_that_were_agreed() -> None:
    assert {name: kind.full_dim for name, kind in EXTRACTORS.items()} == WIDTHS


@pytest.mark.parametrize("name", LIGHT)
def test_features_keep_time_and_have_the_declared_width(name: str) -> None:
    extractor = EXTRACTORS[name](0.25)
    assert extractor.feature_dim == WIDTHS[name] // 4
    for frames in (1, 4, 5):
        assert extractor.extract(video(frames=frames)).shape == (2, frames, extractor.feature_dim)


@pytest.mark.parametrize("name", LIGHT)
def test_bytes_and_floats_of_one_picture_give_the_same_features(name: str) -> None:
    extractor = EXTRACTORS[name](0.25).eval()
    whole = video()
    assert torch.allclose(extractor(whole), extractor(whole.float() / 255), atol=1e-4)


@pytest.mark.parametrize("name", LIGHT)
def test_everything_but_colour_video_is_refused(name: str) -> None:
    extractor = EXTRACTORS[name](0.25)
    with pytest.raises(ValueError, match="got coordinates of shape"):
        extractor.extract(torch.zeros(2, 16, 2))
    with pytest.raises(ValueError, match=r"expected video \(B, T, 3, H, W\)"):
        extractor.extract(torch.zeros(2, 16, 1, 32, 32))
    with pytest.raises(ValueError, match=r"expected video \(B, T, 3, H, W\)"):
        extractor.extract(torch.zeros(16, 3, 32, 32))
    with pytest.raises(ValueError, match="expected uint8 or float32"):
        extractor.extract(torch.zeros(2, 4, 3, 32, 32, dtype=torch.float64))


def test_the_width_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves no features"):
        KeypointExtractor(0.001)


def test_keypoints_point_at_the_brightest_place_of_their_map() -> None:
    extractor = KeypointExtractor()

    class Fixed(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            maps = torch.zeros(1, 16, 16, 16)
            maps[:, :8, 3, 12] = 1.0
            maps[:, 8:, 3, 12] = 2.0
            return maps

    extractor.maps = Fixed()  # type: ignore[assignment]
    extractor.sharpness.data.fill_(3.0)
    x, y, under, mass = extractor.keypoints(torch.zeros(1, 3, 64, 64)).detach().view(4, 8)
    assert x == pytest.approx(torch.full((8,), 12 / 15 * 2 - 1).tolist(), abs=1e-3)
    assert y == pytest.approx(torch.full((8,), 3 / 15 * 2 - 1).tolist(), abs=1e-3)
    assert under == pytest.approx([2.0] * 8, abs=1e-2) and mass == pytest.approx([0.5] * 8)


def test_a_tubelet_is_two_frames_of_eight_by_eight_pixels() -> None:
    clip = torch.zeros(1, 4, 3, 64, 64)
    clip[0, 2:, :, 8:16, 24:32] = 1
    cut = tubelets(clip)
    assert cut.shape == (1, 2, 64, 3 * 2 * 8 * 8)
    full = cut[0].sum(dim=2)
    assert full[1, 1 * 8 + 3] == 384 and full.sum() == 384


def test_an_odd_number_of_frames_repeats_the_last() -> None:
    clip = torch.rand(1, 5, 3, 16, 16)
    assert torch.equal(tubelets(clip), tubelets(torch.cat([clip, clip[:, -1:]], dim=1)))


def test_the_transformer_has_four_layers_of_eight_heads_in_space_and_time() -> None:
    layers = list(TransformerExtractor().layers)
    assert len(layers) == 4 and all(layer.space.heads == layer.time.heads == 8 for layer in layers)  # type: ignore[union-attr]


def unified() -> UnifiedModel:
    torch.manual_seed(0)
    return UnifiedModel(KeypointExtractor(0.25), frames=4)


def test_the_unified_model_speaks_in_workspace_units() -> None:
    model = unified()
    futures = np.random.default_rng(0).normal([0.1, -0.2, 3.3], [0.3, 0.3, 0.4], (500, 5, 3)).astype(np.float32)
    model.fit_targets(futures)
    outputs = model(video())
    assert outputs["classification"].shape == (2, 4) and outputs["forecast"].shape == (2, 5, 3)
    assert torch.equal(outputs["prediction"], outputs["forecast"][:, -1])
    assert outputs["forecast"][..., 2].mean().item() == pytest.approx(3.3, abs=0.6)
    assert {"target_mean", "target_std"} <= set(model.state_dict())


@pytest.mark.parametrize("name", LIGHT)
def test_every_parameter_learns(name: str) -> None:
    """From the second step on: what a weight of zero hides learns as soon as that weight has moved."""
    model = UnifiedModel(EXTRACTORS[name](0.25), frames=4)
    targets = {
        "class_label": torch.tensor([0, 3]),
        "future_position": torch.ones(2, 3),
        "future_path": torch.ones(2, 5, 3),
    }
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(2):
        optimiser.step()
        optimiser.zero_grad()
        compute_loss(model(video()), targets)[0].backward()
    silent = [name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    assert silent == []


def test_the_loss_is_its_formula() -> None:
    logits = torch.tensor([[2.0, 0, 0, 0], [0, 1.0, 0, 0]])
    outputs = {"classification": logits, "prediction": torch.zeros(2, 3), "forecast": torch.zeros(2, 5, 3)}
    path = torch.arange(30.0).view(2, 5, 3) / 10
    targets = {"class_label": torch.tensor([0, 0]), "future_position": path[:, -1], "future_path": path}
    expected_class = -torch.log_softmax(logits, 1)[:, 0].mean()
    total, class_loss, pred_loss = compute_loss(outputs, targets, 2.0, 3.0)
    assert class_loss.item() == pytest.approx(expected_class.item())
    assert pred_loss.item() == pytest.approx((path**2).mean().item())
    assert total.item() == pytest.approx(2 * class_loss.item() + 3 * pred_loss.item())


@pytest.mark.parametrize("missing", ["forecast", "future_path"])
def test_without_all_five_frames_the_last_one_trains(missing: str) -> None:
    outputs = {"classification": torch.zeros(1, 4), "prediction": torch.zeros(1, 3), "forecast": torch.zeros(1, 5, 3)}
    targets = {
        "class_label": torch.tensor([1]),
        "future_position": torch.full((1, 3), 2.0),
        "future_path": torch.ones(1, 5, 3),
    }
    outputs.pop(missing, None)
    targets.pop(missing, None)
    assert compute_loss(outputs, targets)[2].item() == pytest.approx(4.0)
