"""Attention maps against a computation written out here: trap 5, attention that is random or not of this model."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.trainer.sessions import tiny
from trainer.models.attention import SelfAttention, attention_maps
from trainer.models.extractors import build_extractor
from trainer.models.extractors.transformer import SpaceTimeLayer
from trainer.models.unified import UnifiedModel

CLIPS, FRAMES, SIDE = 2, 4, 32
SHAPES = {  # (G, heads, L, L): `transformer` has 2 steps of 4 x 4 patches
    "keypoint": [(1, 4, FRAMES, FRAMES)] * 2,
    "transformer": [(2, 8, 16, 16), (16, 8, 2, 2)] * 4,
}


def model(name: str, seed: int = 0) -> UnifiedModel:
    """Return a model whose attention is not nearly uniform, as it is at the start of a training."""
    torch.manual_seed(seed)
    made = UnifiedModel(build_extractor(tiny(f"extractor={name}", "width=0.5")), frames=FRAMES).eval()
    for layer in layers(made).values():
        torch.nn.init.normal_(layer.query_key_value.weight, std=0.3)
        torch.nn.init.normal_(layer.query_key_value.bias)
    return made


def layers(made: UnifiedModel) -> dict[str, SelfAttention]:
    return {name: layer for name, layer in made.named_modules() if isinstance(layer, SelfAttention)}


def video(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (CLIPS, FRAMES, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)


def by_hand(layer: SelfAttention, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return softmax(Q K^T / sqrt(d)) of every head, and what the layer makes of x with it, in float64."""
    state = {name: value.double() for name, value in layer.state_dict().items()}
    x = x.double()
    centred = x - x.mean(dim=2, keepdim=True)
    normal = centred / (centred.square().mean(dim=2, keepdim=True) + layer.norm.eps).sqrt()
    normal = normal * state["norm.weight"] + state["norm.bias"]
    dim = x.shape[2]
    size = dim // layer.heads
    maps, mixed = [], []
    for head in range(layer.heads):
        query, key, value = (
            normal @ state["query_key_value.weight"][rows].T + state["query_key_value.bias"][rows]
            for start in (0, dim, 2 * dim)
            for rows in [slice(start + head * size, start + (head + 1) * size)]
        )
        scores = torch.einsum("nid,njd->nij", query, key) / math.sqrt(size)
        maps.append(scores.exp() / scores.exp().sum(dim=2, keepdim=True))
        mixed.append(torch.einsum("nij,njd->nid", maps[-1], value))
    out = torch.cat(mixed, dim=2) @ state["project.weight"].T + state["project.bias"]
    return torch.stack(maps, dim=1), x + out


@pytest.mark.parametrize("name", SHAPES)
def test_the_maps_are_those_by_which_the_model_answers(name: str) -> None:
    made, clips = model(name), video()
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    for place, layer in layers(made).items():
        layer.register_forward_hook(
            lambda _, inputs, output, place=place: seen.update({place: (inputs[0], output)})  # type: ignore[misc]
        )
    maps = attention_maps(made, clips)
    assert list(maps) == list(layers(made)) and [tuple(one.shape[1:]) for one in maps.values()] == SHAPES[name]
    for place, layer in layers(made).items():
        x, answer = seen[place]
        expected, output = by_hand(layer, x)
        assert torch.allclose(maps[place].flatten(0, 1).double(), expected, atol=1e-5), place
        assert torch.allclose(answer.double(), output, atol=1e-4), place
        assert torch.allclose(maps[place].sum(dim=4), torch.ones(()), atol=1e-5)
        assert maps[place].amax() > 1.5 / maps[place].shape[-1], "not uniform"


@pytest.mark.parametrize("name", SHAPES)
def test_they_are_of_these_weights_and_of_these_clips(name: str) -> None:
    made, clips = model(name), video()
    before = attention_maps(made, clips)
    again, other_clips = attention_maps(made, clips), attention_maps(made, video(1))
    other_weights = attention_maps(model(name, seed=1), clips)
    for place, one in before.items():
        assert torch.equal(one, again[place])
        assert not torch.allclose(one, other_clips[place], atol=1e-3)
        assert not torch.allclose(one, other_weights[place], atol=1e-3)
    alone = attention_maps(made, clips[1:])
    assert torch.allclose(before[place][1:], alone[place], atol=1e-5), "the clips come first"
    with torch.no_grad():
        layers(made)[place].query_key_value.weight.mul_(0.5)
    after = attention_maps(made, clips)
    assert [other for other in before if not torch.equal(before[other], after[other])] == [place], "the last layer"


def test_looking_leaves_no_trace() -> None:
    made, clips = model("transformer"), video()
    answer = made(clips)["prediction"]
    attention_maps(made, clips)
    assert torch.equal(made(clips)["prediction"], answer)
    assert not any(module._forward_pre_hooks for module in made.modules())


def test_a_model_without_attention_is_told() -> None:
    with pytest.raises(ValueError, match="UnifiedModel has no self-attention"):
        attention_maps(model("statistical"), video())


@pytest.mark.parametrize(("silent", "reached"), [("space", (slice(None), 2)), ("time", (0, slice(None)))])
def test_space_and_time_attend_by_turns(silent: str, reached: tuple[int | slice, int | slice]) -> None:
    """Without the one, a change in a patch of a step reaches that patch in all steps, or all patches of that step."""
    layer = SpaceTimeLayer(8, 2)
    for parameter in (*getattr(layer, silent).project.parameters(), *layer.feed_forward.layers[-1].parameters()):
        torch.nn.init.zeros_(parameter)
    tokens = torch.randn(1, 3, 4, 8)
    changed = tokens.clone()
    changed[0, 0, 2] += torch.randn(8)
    moved = (layer(changed) - layer(tokens))[0].abs().sum(dim=2) > 0
    wanted = torch.zeros(3, 4, dtype=torch.bool)
    wanted[reached] = True
    assert torch.equal(moved, wanted)
