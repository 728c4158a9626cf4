"""Tracks in, decisions out: what the pipeline is told, what it attends to, and that its checkpoint holds all of it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from renderer.catalogue import Wanted, make
from renderer.parts import FRAMES, OTHER, ClipKind
from renderer.persistence import PersistenceRecipe
from renderer.shapes import Shape
from renderer.video import render
from trainer.errors import ConfigError, DataError
from trainer.objects.tracks import Track
from trainer.persistence.batches import mirror
from trainer.persistence.build import build_pipeline, description_of
from trainer.persistence.crops import SIDE, crops_of
from trainer.persistence.discs import DiscDetector
from trainer.persistence.features import StatisticalFeatures
from trainer.persistence.head import PersistenceHead
from trainer.persistence.observed import Observed, stacked
from trainer.persistence.pipeline import ModularTrackingPipeline
from trainer.persistence.sequence import SimpleTransformerSequence
from trainer.persistence.statistics import COLUMNS, GROUPS, NUMBERS, numbers_of
from trainer.persistence.watched import see

SIZE = (64, 64)


def track(path: np.ndarray, frames: np.ndarray, radius: float = 2.5, number: int = 0) -> Track:
    boxes = np.concatenate([path - radius, path + radius], axis=1).astype(np.float32)
    return Track(number, frames, boxes, np.ones(len(frames), np.float32), np.arange(len(frames)))


def straight(frames: np.ndarray, start: tuple[float, float] = (20, 20)) -> Track:
    return track(np.array(start) + frames[:, None] * np.array([1.0, 0.5]), frames)


def observed(seed: int = 0, clips: int = 3, frames: int = FRAMES) -> Observed:
    rng = np.random.default_rng(seed)
    numbers = torch.from_numpy(rng.normal(size=(clips, 2, frames, NUMBERS)).astype(np.float32))
    crops = torch.from_numpy(rng.integers(0, 255, (clips, 2, frames, 3, SIDE, SIDE), dtype=np.uint8))
    present = torch.tensor([[True, True], [True, False], [False, False]])[:clips]
    return Observed(numbers, crops, present)


def column(numbers: np.ndarray, name: str) -> np.ndarray:
    return numbers[..., COLUMNS.index(name)]


def recipe_of(tier: str = "shape-motion", clips: int = 4, seed: int = 5) -> PersistenceRecipe:
    recipe = make(Wanted("persistence", tier, clips, seed, FRAMES)).recipe
    assert isinstance(recipe, PersistenceRecipe)
    return recipe


def test_a_smooth_path_is_coherent_and_a_cut_one_is_not() -> None:
    frames = np.arange(20)
    whole = straight(frames)
    jump = np.where(frames[:, None] < 10, 0.0, 6.0)
    cut = track(whole.boxes[:, :2] + 2.5 + jump, frames)
    (smooth,), (broken,) = numbers_of([whole], FRAMES, SIZE), numbers_of([cut], FRAMES, SIZE)
    assert np.abs(column(smooth, "between")).max() < 0.2
    assert column(broken, "from before")[10] > 1.5
    assert column(broken, "from after")[9] > 1.5
    assert column(broken, "between")[3] < 0.2


def test_numbers_are_zero_where_nothing_was_seen_and_finite_for_a_single_sighting() -> None:
    seen = np.array([3, 4, 8])
    numbers = numbers_of([straight(seen), straight(np.array([7]))], FRAMES, SIZE)
    assert np.isfinite(numbers).all()
    assert np.flatnonzero(column(numbers[0], "seen")).tolist() == [3, 4, 8]
    assert np.flatnonzero(column(numbers[0], "lives")).tolist() == [3, 4, 5, 6, 7, 8]
    unseen = np.setdiff1d(np.arange(FRAMES), seen)
    assert not numbers[0][unseen][:, len(GROUPS["presence"]) :].any()
    assert numbers_of([], FRAMES, SIZE).shape == (0, FRAMES, NUMBERS)


def test_the_numbers_of_what_stays_do_not_show_its_shape() -> None:
    every = recipe_of(clips=120)
    paths = every.take(np.flatnonzero(every.label == ClipKind.PERSISTENT))
    clips = len(paths)
    shapes = np.full(clips, Shape.SPHERE), np.resize(OTHER, clips)
    spheres, others = (strengths(replace(paths, shape=shape.astype(paths.shape.dtype))) for shape in shapes)
    # The probe sees each path twice, and has to say which of the two is the sphere: chance is a half.
    told = (others > spheres).mean(axis=0) + (others == spheres).mean(axis=0) / 2
    assert np.abs(told - 0.5).max() < 3.5 * 0.5 / math.sqrt(clips), dict(zip(COLUMNS, told.T.round(2), strict=True))


def strengths(recipe: PersistenceRecipe) -> np.ndarray:
    """Return how large each number of the longest track is, and how much it changes, (clips, 2, NUMBERS)."""
    finder, rows = DiscDetector(), []
    for video in render(recipe):
        seen = see(video, finder.detect(video), False)
        numbers = seen.numbers[0][seen.tracks[0].frames]
        rows.append([np.abs(numbers).mean(axis=0), np.abs(np.diff(numbers, axis=0)).mean(axis=0)])
    return np.array(rows)


def test_a_mirrored_clip_has_the_numbers_and_crops_of_the_mirrored_picture() -> None:
    video = render(recipe_of(clips=1))[0]
    finder = DiscDetector()
    found = see(video, finder.detect(video), True)
    turned = see(np.ascontiguousarray(video[..., ::-1]), finder.detect(np.ascontiguousarray(video[..., ::-1])), True)
    one = mirror(stacked([(found.numbers, found.crops)], 6), torch.tensor([True]), torch.tensor([False]))
    other = stacked([(turned.numbers, turned.crops)], 6)
    near = (one.numbers - other.numbers)[0, 0].abs()
    assert near[:, : COLUMNS.index("between")].max() < 0.05
    assert (one.crops.int() - other.crops.int())[0, 0].abs().float().mean() < 1


def test_a_crop_shows_a_disc_of_any_size_alike() -> None:
    side = np.arange(64) + 0.5
    crops = []
    for radius, centre in ((2.0, (20.3, 30.8)), (5.0, (41.5, 22.1))):
        away = np.hypot(side[None] - centre[0], side[:, None] - centre[1])
        picture = np.clip(radius + 0.5 - away, 0, 1) * 255
        video = np.repeat(picture[None, None], 3, axis=1).astype(np.uint8)
        crops.append(crops_of(video, [track(np.array([centre]), np.array([0]), radius)])[0, 0, 0].numpy() / 255)
    areas = [crop.sum() / SIDE**2 for crop in crops]
    assert areas[0] == pytest.approx(math.pi / 25, rel=0.2)
    assert areas[0] == pytest.approx(areas[1], rel=0.2)
    rows = np.arange(SIDE) - (SIDE - 1) / 2
    assert abs((crops[0] * rows).sum() / crops[0].sum()) < 0.2


def test_discs_are_found_where_they_are() -> None:
    side = np.arange(64) + 0.5
    video = np.random.default_rng(0).integers(0, 20, (2, 3, 64, 64)).astype(np.uint8)
    for x, y in ((20.25, 30.75), (45.0, 12.5)):
        disc = np.clip(3.5 - np.hypot(side[None] - x, side[:, None] - y), 0, 1) * 200
        video[0] = np.maximum(video[0], disc.astype(np.uint8))
    found = DiscDetector().detect(video)
    assert [len(boxes) for boxes in found.boxes] == [2, 0]
    centres = (found.boxes[0][:, :2] + found.boxes[0][:, 2:]) / 2
    assert np.abs(centres[centres[:, 0].argsort()] - [[20.25, 30.75], [45.0, 12.5]]).max() < 0.25


@pytest.mark.parametrize("shape", [(25, 64, 64, 3), (3, 25, 64, 64), (25, 64, 64), (2, 25, 3, 64, 64)])
def test_mixed_up_channels_are_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="shape"):
        DiscDetector().detect(np.zeros(shape, np.uint8))


def test_widths_must_meet() -> None:
    features = StatisticalFeatures()
    with pytest.raises(ValueError, match="gives 64 numbers a frame, and SimpleTransformerSequence takes 32"):
        ModularTrackingPipeline(features, SimpleTransformerSequence(32, 16, 4), PersistenceHead(16))
    with pytest.raises(ValueError, match="is 16 wide, and PersistenceHead takes 8"):
        ModularTrackingPipeline(features, SimpleTransformerSequence(64, 16, 4), PersistenceHead(8))
    with pytest.raises(ConfigError, match="divided among 5 heads"):
        build_pipeline("statistical", 64, 5)


def test_attention_equals_a_direct_computation_and_changes_with_the_weights() -> None:
    torch.manual_seed(0)
    sequence = SimpleTransformerSequence(8, 16, 4, layers=2).eval()
    features = torch.randn(3, 7, 8)
    with torch.no_grad():
        attention = sequence.attention(features)
        assert attention.shape == (2, 3, 4, 7, 7)
        assert torch.allclose(attention.sum(dim=-1), torch.ones(2, 3, 4, 7), atol=1e-6)
        layer = sequence.attend[0]
        x = layer.norm(sequence.enter(features) + sequence.when[:7])
        query, key, value = (x @ layer.query_key_value.weight.T + layer.query_key_value.bias).chunk(3, dim=2)
        for head in range(4):
            own = slice(4 * head, 4 * head + 4)
            direct = (query[..., own] @ key[..., own].transpose(1, 2) / 2).softmax(dim=2)
            assert torch.allclose(attention[0, :, head], direct, atol=1e-6)
        # what comes out is made with these weights, not beside them
        mixed = torch.cat([attention[0, :, h] @ value[..., 4 * h : 4 * h + 4] for h in range(4)], dim=2)
        begun = sequence.enter(features) + sequence.when[:7]
        assert torch.allclose(layer(begun), begun + layer.project(mixed), atol=1e-5)
        layer.query_key_value.weight.mul_(3)
        assert not torch.allclose(sequence.attention(features), attention, atol=1e-3)


@pytest.mark.parametrize("features", ["statistical", "magvit", "hybrid"])
def test_a_checkpoint_holds_every_parameter_and_reloads_to_equal_features(features: str) -> None:
    torch.manual_seed(1)
    pipeline = build_pipeline(features).eval()  # type: ignore[arg-type]
    seen = observed()
    torch.manual_seed(2)
    again = build_pipeline(**description_of(pipeline)).eval()
    with torch.no_grad():
        assert not torch.equal(pipeline(seen)["score"], again(seen)["score"])
        weights = pipeline.state_dict()
        assert {name for name, _ in pipeline.named_parameters()} <= set(weights)
        again.load_state_dict(weights)
        flat = seen.numbers[seen.present], seen.crops[seen.present]
        assert torch.equal(pipeline.features(*flat), again.features(*flat))
        for name, value in pipeline(seen).items():
            assert torch.equal(value, again(seen)[name])


def test_a_clip_is_what_its_likeliest_track_is() -> None:
    torch.manual_seed(0)
    pipeline = build_pipeline("statistical").eval()
    with torch.no_grad():
        said = pipeline(observed())
    assert said["logits"].shape == (3, 2)
    assert torch.allclose(said["score"][:2], said["track_score"].max(dim=1).values[:2])
    assert said["deciding"][2] == -1
    assert said["score"][2] < 0.01  # nothing was followed
    assert said["track_score"][1, 1] == 0


def test_frames_speak_for_a_clip_and_their_mean_is_its_decision() -> None:
    head = PersistenceHead(8, per_frame=True)
    said = head(torch.randn(2, 5, 8))
    assert said["frame_logits"].shape == (2, 5, 2)
    assert said["frame_score"].shape == (2, 5)
    assert torch.allclose(said["frame_logits"].mean(dim=1), said["logits"])
    assert set(PersistenceHead(8)(torch.randn(2, 5, 8))) == {"logits", "score"}


def test_batches_can_be_cut_like_tensors() -> None:
    seen = observed()
    parts = seen.split(2)
    assert [len(part) for part in parts] == [2, 1]
    assert torch.equal(torch.cat([part.numbers for part in parts]), seen.numbers)
    assert all(len(a) >= len(b) for a, b in pairwise(parts))
