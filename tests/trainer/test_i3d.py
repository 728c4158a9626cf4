"""I3D: the published network by its numbers, at any width, for clips of any length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.trainer.conftest import Start
from trainer.models.conv3d import ConvNorm, pad_same
from trainer.models.extractors.i3d import I3DExtractor

KINETICS_CLASSES = 400
PUBLISHED = {
    "Conv3d_1a_7x7": (64, 32, 112),
    "MaxPool3d_2a_3x3": (64, 32, 56),
    "Conv3d_2b_1x1": (64, 32, 56),
    "Conv3d_2c_3x3": (192, 32, 56),
    "MaxPool3d_3a_3x3": (192, 32, 28),
    "Mixed_3b": (256, 32, 28),
    "Mixed_3c": (480, 32, 28),
    "MaxPool3d_4a_3x3": (480, 16, 14),
    "Mixed_4b": (512, 16, 14),
    "Mixed_4c": (512, 16, 14),
    "Mixed_4d": (512, 16, 14),
    "Mixed_4e": (528, 16, 14),
    "Mixed_4f": (832, 16, 14),
    "MaxPool3d_5a_2x2": (832, 8, 7),
    "Mixed_5b": (832, 8, 7),
    "Mixed_5c": (1024, 8, 7),
}
"""Channels, steps and side of each layer for 64 frames of 224x224: figure 3 of the paper."""


def clip(batch: int = 1, frames: int = 16, side: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, frames, 3, side, side), generator=generator, dtype=torch.uint8)


def layer_shapes(extractor: I3DExtractor, video: Tensor) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in extractor.trunk.items():
        layer.register_forward_hook(lambda _, __, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with torch.no_grad():
        extractor(video)
    return shapes


def test_the_trunk_has_the_published_number_of_parameters() -> None:
    """12,697,264 is what torch counts for the public InceptionI3d; 57 units have a norm each of two vectors."""
    extractor = I3DExtractor()
    trunk = sum(parameter.numel() for parameter in extractor.trunk.parameters())
    assert trunk == 12_287_264
    assert trunk + 1024 * KINETICS_CLASSES + KINETICS_CLASSES == 12_697_264
    norms = [module for module in extractor.trunk.modules() if isinstance(module, nn.BatchNorm3d)]
    assert len(norms) == 57 and all(norm.eps == 1e-3 for norm in norms)


def test_every_layer_has_the_published_shape() -> None:
    channels = {name: shape[0] for name, shape in layer_shapes(I3DExtractor(), clip()).items()}
    assert channels == {name: shape[0] for name, shape in PUBLISHED.items()}
    sizes = layer_shapes(I3DExtractor(0.02), clip(frames=64, side=224))
    assert {name: shape[1:] for name, shape in sizes.items()} == {
        name: (steps, side, side) for name, (_, steps, side) in PUBLISHED.items()
    }


def test_a_small_picture_ends_at_two_by_two() -> None:
    shapes = layer_shapes(I3DExtractor(0.05), clip())
    assert shapes["Mixed_3c"][1:] == (8, 8, 8) and shapes["Mixed_5c"] == (51, 2, 2, 2)


@pytest.mark.parametrize("width", [0.01, 0.1, 0.33, 1.7])
def test_the_features_are_as_many_as_the_width_says(width: float) -> None:
    with torch.no_grad():
        assert I3DExtractor(width).eval()(clip(frames=4, side=32)).shape == (1, 4, round(1024 * width))


@pytest.mark.parametrize(("frames", "side"), [(16, 64), (32, 64), (17, 64), (16, 112), (1, 64)])
def test_time_is_kept_for_clips_of_any_length(frames: int, side: int) -> None:
    assert I3DExtractor(0.05).eval()(clip(1, frames, side)).shape == (1, frames, 51)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(64, 7, 2), (63, 7, 2), (7, 3, 2), (8, 3, 2), (5, 2, 2), (9, 3, 1)]
)
def test_same_padding_is_tensorflows(size: int, kernel: int, stride: int) -> None:
    padded = pad_same(torch.ones(1, 1, size, 1, 1), (kernel, 1, 1), (stride, 1, 1)).flatten()
    before = int(padded.argmax())
    total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
    assert len(padded) == size + total and before == total // 2
    assert (len(padded) - kernel) // stride + 1 == -(-size // stride)


def test_a_unit_is_convolution_norm_and_relu() -> None:
    unit = ConvNorm(2, 3, (3, 3, 3), eps=1e-3).eval()
    x = torch.randn(1, 2, 4, 5, 6)
    expected = F.relu(F.conv3d(x, unit.conv.weight, padding=1) / (1 + 1e-3) ** 0.5)
    assert torch.allclose(unit(x), expected, atol=1e-6) and expected.min() == 0 < expected.max()


def test_features_tell_where_the_object_is() -> None:
    """The average over space alone hardly does: the same dot, drawn elsewhere."""
    torch.manual_seed(0)
    extractor = I3DExtractor(0.1).eval()
    videos = torch.zeros(2, 8, 3, 64, 64)
    videos[0, :, :, 14:19, 14:19] = videos[1, :, :, 46:51, 46:51] = 1
    where: list[Tensor] = []
    extractor.readout.register_forward_hook(lambda _, __, out: where.append(out))
    extractor(videos)
    left, right = where[0].mean(dim=1)
    assert (left - right).abs().mean() > 0.05


def test_the_same_clip_gives_the_same_gradients() -> None:
    def gradients() -> list[Tensor]:
        torch.manual_seed(0)
        extractor = I3DExtractor(0.05)
        extractor(clip(2)).square().mean().backward()
        return [parameter.grad for parameter in extractor.parameters() if parameter.grad is not None]

    first, second = gradients(), gradients()
    assert len(first) == len(list(I3DExtractor(0.05).parameters()))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_branch_passes_its_gate(start: Start, tmp_path: Path) -> None:
    """About six minutes on an idle thread."""
    process = start("run", "--config", "i3d", "--out", "run")
    output, _ = process.communicate(timeout=3500)
    assert process.returncode == 0, output.decode()
    metrics = json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]
    assert metrics["accuracy"] > 0.7 and metrics["pred_mse"] < 0.1 and metrics["skill"] > 0
