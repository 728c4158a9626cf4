"""SlowFast-R50: two pathways by the published numbers, and what goes from one to the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.conftest import Start
from trainer.models.extractors import slowfast
from trainer.models.extractors.slowfast import SlowFastExtractor

HEAD = 2304 * 400 + 400
"""The Kinetics head of the model zoos, not used here."""


def clip(batch: int = 1, frames: int = 16, side: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, frames, 3, side, side), generator=generator, dtype=torch.uint8)


def trunk_parameters(extractor: SlowFastExtractor) -> int:
    parts = (extractor.slow, extractor.fast, extractor.lateral)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def resnet50_by_hand(channels: int, joined: list[int], time_kernels: list[int]) -> int:
    """Table 1 of the paper: conv1, then blocks of three convolutions, a norm of two vectors behind each."""
    total = 3 * channels * time_kernels[0] * 49 + 2 * channels
    before = channels
    for stage, depth in enumerate((3, 4, 6, 3)):
        inner, after = channels * 2**stage, 4 * channels * 2**stage
        for block in range(depth):
            into = before + joined[stage] if block == 0 else after
            total += into * inner * time_kernels[stage + 1] + 9 * inner**2 + inner * after + 2 * (2 * inner + after)
            if block == 0:
                total += into * after + 2 * after
        before = after
    return total


def lateral_by_hand(kernel: int) -> int:
    return sum(fast * 2 * fast * kernel + 2 * 2 * fast for fast in (8, 32, 64, 128))


def test_the_trunk_has_the_published_number_of_parameters() -> None:
    """pytorchvideo's model zoo, heads included: SlowFast-R50 4x16 34.48 M, 8x8 (lateral kernels of 7) 34.57 M."""
    slow = resnet50_by_hand(64, [16, 64, 128, 256], [1, 1, 1, 3, 3])
    fast = resnet50_by_hand(8, [0, 0, 0, 0], [5, 3, 3, 3, 3])
    assert trunk_parameters(SlowFastExtractor()) == slow + fast + lateral_by_hand(5) == 33_558_216
    assert round((slow + fast + lateral_by_hand(5) + HEAD) / 1e6, 2) == 34.48
    assert round((slow + fast + lateral_by_hand(7) + HEAD) / 1e6, 2) == 34.57


def test_every_stage_has_the_published_shape() -> None:
    extractor = SlowFastExtractor(0.05)
    shapes: dict[str, tuple[int, ...]] = {}
    for path in ("slow", "fast"):
        for stage, layer in getattr(extractor, path).items():
            key = f"{path}.{stage}"
            layer.register_forward_hook(lambda _, __, out, key=key: shapes.update({key: tuple(out.shape[2:4])}))
    with torch.no_grad():
        extractor(clip(frames=32, side=224))
    sides = {"s1": 112, "s2": 56, "s3": 28, "s4": 14, "s5": 7}
    assert shapes == {
        f"{path}.{stage}": (steps, side) for path, steps in (("slow", 8), ("fast", 32)) for stage, side in sides.items()
    }


def test_channels_are_those_of_the_table() -> None:
    extractor = SlowFastExtractor()
    ends = [
        getattr(extractor, path)[stage][-1].c.conv.out_channels
        for path in ("slow", "fast")
        for stage in slowfast.STAGES[1:]
    ]
    assert ends == [256, 512, 1024, 2048, 32, 64, 128, 256]
    for lateral in extractor.lateral.values():
        assert isinstance(lateral.conv, nn.Conv3d)
        assert lateral.conv.kernel_size == (5, 1, 1) and lateral.conv.stride == (4, 1, 1)
        assert lateral.conv.out_channels == 2 * lateral.conv.in_channels


def test_the_last_norm_of_a_block_starts_at_zero() -> None:
    blocks = [module for module in SlowFastExtractor(0.05).modules() if isinstance(module, slowfast.Bottleneck)]
    assert len(blocks) == 2 * 16 and not any(block.c.norm.weight.any() for block in blocks)


def test_the_slow_pathway_sees_every_fourth_frame_and_the_fast_one_all() -> None:
    extractor = SlowFastExtractor(0.05).eval()
    seen: dict[str, Tensor] = {}
    for path in ("slow", "fast"):
        layer = getattr(extractor, path)["s1"]
        layer.register_forward_hook(lambda _, given, __, path=path: seen.update({path: given[0]}))
    video = clip(frames=18)
    features = extractor(video)
    assert features.shape == (1, 18, 115)
    assert seen["fast"].shape[2] == 18 and torch.equal(seen["slow"], seen["fast"][:, :, [0, 4, 8, 12, 16]])


def test_what_the_fast_pathway_sees_reaches_the_slow_one() -> None:
    extractor = SlowFastExtractor(0.1).eval()
    ends: list[Tensor] = []
    extractor.slow["s5"].register_forward_hook(lambda _, __, out: ends.append(out))
    video = clip()
    extractor(video)
    video[:, 5:8] = 0
    extractor(video)
    assert not torch.equal(*ends)


@pytest.mark.parametrize("width", [0.01, 0.1, 0.33, 1.2])
def test_the_features_are_as_many_as_the_width_says(width: float) -> None:
    with torch.no_grad():
        assert SlowFastExtractor(width).eval()(clip(frames=4, side=32)).shape == (1, 4, round(2304 * width))


@pytest.mark.parametrize(("frames", "side"), [(16, 64), (32, 64), (17, 64), (16, 112), (1, 64)])
def test_time_is_kept_for_clips_of_any_length(frames: int, side: int) -> None:
    assert SlowFastExtractor(0.05).eval()(clip(1, frames, side)).shape == (1, frames, 115)


def test_the_same_clip_gives_the_same_gradients() -> None:
    def gradients() -> list[Tensor]:
        torch.manual_seed(0)
        extractor = SlowFastExtractor(0.05)
        extractor(clip(2)).square().mean().backward()
        return [parameter.grad for parameter in extractor.parameters() if parameter.grad is not None]

    first, second = gradients(), gradients()
    assert len(first) == len(list(SlowFastExtractor(0.05).parameters()))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_branch_passes_its_gate(start: Start, tmp_path: Path) -> None:
    """About ten minutes on an idle thread."""
    process = start("run", "--config", "slowfast", "--out", "run")
    output, _ = process.communicate(timeout=3500)
    assert process.returncode == 0, output.decode()
    metrics = json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]
    assert metrics["accuracy"] > 0.7 and metrics["pred_mse"] < 0.1 and metrics["skill"] > 0
