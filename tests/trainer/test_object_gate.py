"""The gate before the object stage, and the way from pixels to tracks that persist."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.catalogue import Wanted, make
from renderer.scenes import Persistence, SceneRecipe
from renderer.video import render
from tests.trainer.conftest import Command
from trainer.errors import CheckpointError, DataError
from trainer.objects.baseline import ClassicalDetector
from trainer.objects.compute import compute_figures, flops, kept_share, spend, transient_share
from trainer.objects.deciding import decide, leads
from trainer.objects.gating import STATISTICS, track_statistics
from trainer.objects.object_data import clips_of
from trainer.objects.persistence_curve import Clip
from trainer.objects.pipeline import ObjectPipeline, load_stage
from trainer.objects.tokens import Prefix, collate
from trainer.objects.transformer import ObjectAwareTransformer


@pytest.fixture(scope="module")
def recipe() -> SceneRecipe:
    made = make(Wanted("objects", "standard", 2, 5, frames=32)).recipe
    assert isinstance(made, SceneRecipe)
    return made


@pytest.fixture(scope="module")
def clips(recipe: SceneRecipe) -> list[Clip]:
    return clips_of(recipe, "truth", 5, side=8)


@pytest.fixture(scope="module")
def model() -> ObjectAwareTransformer:
    """Its gate passes tracks of more than 8 hits."""
    torch.manual_seed(3)
    model = ObjectAwareTransformer(dim=16, heads=2, layers=1).eval()
    with torch.no_grad():
        for layer in (model.gate.layers[0], model.gate.layers[2]):
            layer.weight.zero_()  # type: ignore[union-attr, operator]
            layer.bias.zero_()  # type: ignore[union-attr, operator]
        model.gate.layers[0].weight[0, 0] = 20.0  # type: ignore[index, union-attr]
        model.gate.layers[0].bias[0] = -85.0  # type: ignore[index, union-attr]
        model.gate.layers[2].weight[1, 0] = 10.0  # type: ignore[index, union-attr]
        model.gate.layers[2].bias[1] = -10.0  # type: ignore[index, union-attr]
    return model


def test_statistics_know_nothing_of_later_frames(clips: list[Clip]) -> None:
    seen = clips[0].seen
    early = track_statistics(seen, 10)
    assert early.shape == (seen.tracks, STATISTICS)
    track = int(seen.track[0])
    mine = seen.frame[(seen.track == track) & (seen.frame <= 10)]
    assert early[track, 0] == len(mine) / 8 and early[track, 1] == (mine[-1] - mine[0] + 1) / 8
    unborn = sorted(set(seen.track.tolist()) - set(seen.track[seen.frame <= 10].tolist()))
    assert unborn and (early[unborn] == 0).all()


def test_what_is_shaken_moves_unevenly_and_what_goes_straight_does_not(clips: list[Clip]) -> None:
    """Whatever frames are missing; two boxes tell nothing."""
    frame = np.array([0, 0, 1, 2, 2, 3, 5, 5])
    track = np.array([0, 1, 0, 0, 1, 0, 0, 1])
    x = 10.0 + 2 * frame
    boxes = np.stack([x, x, x + 4, x + 4], axis=1).astype(np.float32)
    boxes[5] += 1
    seen = replace(clips[0].seen, frame=frame, track=track, boxes=boxes, scores=np.ones(8, np.float32))
    uneven = track_statistics(seen, 5)[:, -1]
    assert uneven[1] == pytest.approx(0, abs=1e-4)
    off = np.array([0, 1 / 2, 1]) * np.sqrt(2) / 64
    assert uneven[0] == pytest.approx(50 * np.sqrt((off**2).mean()), rel=1e-3)
    assert (track_statistics(seen, 1)[:, -1] == 0).all()


def test_what_the_gate_stops_is_transient_and_the_rest_decided_without_it(
    model: ObjectAwareTransformer, clips: list[Clip]
) -> None:
    seen = clips[0].seen
    passes = seen.hits()[:, 31] > 8
    assert passes.any() and not passes.all()
    gated = decide(model, [seen], [31], gate=0.5)[0][:, 31]
    assert (gated[~passes] < 0).all()
    alone = model(collate([Prefix(seen, 31, kept=passes)]))["track_logits"][0]
    assert np.allclose(gated[passes], (alone[:, 1] - alone[:, 0]).detach().numpy()[: seen.tracks][passes], atol=1e-5)


@pytest.mark.parametrize("gate", [None, 0.5])
@torch.inference_mode()
def test_decided_together_is_decided_alone(
    model: ObjectAwareTransformer, clips: list[Clip], gate: float | None
) -> None:
    """In more than one part, in any order, by the path that leaves out what training needs."""
    prefixes = [Prefix(clip.seen, frame) for frame in (31, 3, 17, 9, 25) for clip in clips]
    together = leads(model, prefixes, gate)
    for prefix, lead in zip(prefixes, together, strict=True):
        (alone,) = leads(model, [prefix], gate)
        assert np.allclose(lead, alone, atol=1e-5, equal_nan=True)
        logits = model(collate([prefix]))["track_logits"][0].detach().numpy()
        if gate is None:
            there = ~np.isnan(lead)
            assert np.allclose(lead[there], (logits[:, 1] - logits[:, 0])[: len(lead)][there], atol=1e-5)


def test_saved_operations_are_those_that_did_not_run(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    """The count of a clip falls to that of a clip of the kept tracks alone, and the gate's own work."""
    seen = clips[0].seen
    passes = seen.hits()[:, 31] > 8
    gate = flops(lambda: model.gate(torch.zeros(seen.tracks, STATISTICS)))
    kept = flops(lambda: model.decide(collate([Prefix(seen, 31, kept=passes)])))
    spent = spend(model, clips[:1], 0.5)
    assert gate > 0 and spent.flops["gated"] == kept + gate
    assert spent.flops["full"] == flops(lambda: model.decide(collate([Prefix(seen, 31)])))
    assert 0 < spent.saved() <= 1 and spent.saved("ideal") > 0


def until(clip: Clip, frames: int) -> Clip:
    """The first frames of a clip."""
    n = clip.seen.until(frames - 1)
    rows = {name: getattr(clip.seen, name)[:n] for name in ("frame", "boxes", "patches", "index", "track", "scores")}
    seen = replace(clip.seen, **rows, frames=frames)
    meaning = replace(clip.meaning, object=clip.meaning.object[:n], kind=clip.meaning.kind[:n],
                      track_kind=clip.meaning.track_kind[: seen.tracks])  # fmt: skip
    return Clip(seen, meaning, clip.objects)


def test_kept_share_and_ceiling(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    mine = [clip.meaning.kind == Persistence.PERSISTENT for clip in clips]
    passing = [(clip.seen.hits()[:, 31] > 8)[clip.seen.track] for clip in clips]
    expected = sum(int((a & b).sum()) for a, b in zip(mine, passing, strict=True)) / sum(int(a.sum()) for a in mine)
    assert kept_share(model, clips, 0.5, [31]) == pytest.approx(expected)
    assert transient_share(clips) == pytest.approx(1 - np.concatenate(mine).mean())
    figures = compute_figures(model, [until(clips[0], 4)], 0.5, detector_flops=10**9)
    assert figures["pipeline_flops_saved"] < figures["flops_saved"] and figures["online_mflops_a_clip"] > 0


def test_from_pixels_to_tracks(model: ObjectAwareTransformer, recipe: SceneRecipe) -> None:
    video = render(recipe)[0]
    pipeline = ObjectPipeline(ClassicalDetector(), model, gate=0.5)
    watched = pipeline.watch(video)
    assert watched.decided_at_frame == 31 and len(watched.kinds) == watched.seen.tracks
    assert {track.id for track in watched.persistent} == {n for n, kind in enumerate(watched.kinds) if kind}
    assert sum(map(len, watched.tracks())) == len(watched.seen)
    floats = pipeline.watch(video.astype(np.float32) / 255)
    assert np.allclose(floats.scores, watched.scores, atol=1e-4)


def test_an_early_answer_is_that_of_the_clip_cut_there(model: ObjectAwareTransformer, recipe: SceneRecipe) -> None:
    video = render(recipe)[0]
    pipeline = ObjectPipeline(ClassicalDetector(), model)
    early, cut = pipeline.watch(video, until=11), pipeline.watch(video[:12])
    assert early.decided_at_frame == cut.decided_at_frame == 11
    assert np.array_equal(early.scores, cut.scores)
    assert early.to_json() == cut.to_json()


@pytest.mark.parametrize("shape", [(32, 64, 64, 3), (3, 32, 64, 64), (2, 8, 3, 64, 64), (8, 1, 64, 64)])
def test_pixels_of_another_order_are_refused(model: ObjectAwareTransformer, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="a video of shape"):
        ObjectPipeline(ClassicalDetector(), model).watch(np.zeros(shape, np.uint8))


def test_a_black_video_and_one_of_another_size(model: ObjectAwareTransformer) -> None:
    pipeline = ObjectPipeline(ClassicalDetector(), model)
    for shape in ((32, 3, 64, 64), (4, 3, 48, 80), (1, 3, 64, 64)):
        watched = pipeline.watch(np.zeros(shape, np.uint8))
        assert watched.tracks() == [] and json.dumps(watched.to_json())


def test_the_verb_says_what_is_missing(command: Command, tmp_path: Path) -> None:
    assert command("objects", "x", "--on", "standard")[0] == 2
    assert command("objects", "x", "--boxes", "truth", "--video", "a.npy")[0] == 2
    code, said = command("objects", "x", "--boxes", "truth", "--on", "standard")
    assert code == 1 and "x does not exist" in said
    with pytest.raises(CheckpointError, match="does not exist"):
        load_stage(str(tmp_path / "none"))


@pytest.mark.slow  # 30 s
def test_a_run_its_reload_and_the_way_from_its_boxes(command: Command, tmp_path: Path) -> None:
    """Trap 6: the figures of the run's own checkpoint, read anew, are those that the run wrote."""
    code, said = command("run", "--config", "objects", "clips=60", "epochs=1", "shifted_tests=false", "boxes=truth",
                         "--out", "mine")  # fmt: skip
    assert code == 0, said
    wrote = json.loads((tmp_path / "mine/artifacts/training_results.json").read_text())
    code, said = command("objects", "mine", "--boxes", "truth", "--on", "mine/artifacts/data", "--out", "look")
    assert code == 0 and "balanced" in said, said
    got = json.loads((tmp_path / "look/results.json").read_text())["data"]["mine/artifacts/data"]
    for name in ("balanced_accuracy", "track_balanced_accuracy_12", "attention_ratio", "flops_saved"):
        assert got["figures"][name] == pytest.approx(wrote["summary"]["metrics"][name]), name
    assert got["curves"]["objects"]["model"] == wrote["curves"]["objects"]["model"]
    decisions = np.load(tmp_path / "mine/artifacts/decisions.npz")
    assert (decisions["decided_at_frame"] <= 31).all() and len(decisions["score"]) == len(decisions["frames_seen"])
    for name in ("persistence_curve.png", "attention_heatmaps.png", "tracks.png"):
        assert (tmp_path / "mine/artifacts" / name).stat().st_size > 10_000
