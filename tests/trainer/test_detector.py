"""Detectors: what they are trained on, what they say, what they refuse; and a run of problem `detector`, to its end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.catalogue import Wanted, make
from renderer.video import render
from tests.trainer.conftest import Command
from tests.trainer.sessions import Run, assert_same_weights, values
from trainer.checkpoint import read_checkpoint
from trainer.config import TrainConfig, load_config
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.objects.baseline import ClassicalDetector
from trainer.objects.detecting import check_frames
from trainer.objects.detection_figures import detect_scenes
from trainer.objects.detection_metrics import detection_scores
from trainer.objects.detector import NO_PEAK, Detector, decode
from trainer.objects.detector_data import FrameBatches, SceneSource
from trainer.objects.detector_loss import Seen, detector_losses, paint
from trainer.objects.learned import LearnedDetector
from trainer.objects.second_look import patches
from trainer.objects.true_objects import true_objects

TINY = ("tier=standard", "clutter=null", "clips=28", "batch_size=8", "epochs=2", "width=0.25", "shifted_tests=false",
        "log_every=1")  # fmt: skip
BOX = np.array([[10.0, 20.0, 15.0, 24.0]], np.float32)


def tiny(*words: str) -> TrainConfig:
    return load_config("detector", [*TINY, *words])


def seen(frames: list[int], boxes: np.ndarray) -> Seen:
    return Seen(np.array(frames, np.int64), boxes.reshape(-1, 4))


NOTHING = seen([], np.zeros((0, 4), np.float32))
PARTS = {"heat": 1, "score": 1, "offset": 2, "size": 2, "look": 3}


def flat(frames: int, side: int) -> dict[str, torch.Tensor]:
    """What a detector says that says nothing."""
    said = {name: torch.zeros(frames, count, side, side) for name, count in PARTS.items()}
    return said | {"score": torch.full((frames, 1, side, side), NO_PEAK)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    run = Run(tmp_path_factory.mktemp("run"), tiny())
    run.to_the_end()
    return run


# what it is trained on


def test_what_is_painted_is_what_is_decoded() -> None:
    """Answers that are the targets themselves lead back to the box."""
    targets = paint(2, 32, 32, seen([1], BOX), NOTHING, NOTHING, NOTHING)
    assert targets.heat[0].max() == 0 and (targets.heat[1] == 1).sum() == 1 and targets.heat[1, 22, 12] == 1
    said = torch.zeros(2 * 32 * 32, 4).index_put((targets.place,), targets.said).unflatten(0, (2, 32, 32)).movedim(3, 1)
    logits = torch.logit((targets.heat == 1).float().clamp(1e-3, 1 - 1e-3))[:, None]
    offset, size = said.split([2, 2], dim=1)
    peaks = decode({"score": logits, "offset": offset, "size": size, "look": torch.rand(2, 3, 32, 32)}, 0.5)
    assert peaks.frame.tolist() == [1] and peaks.boxes.numpy() == pytest.approx(BOX, abs=1e-5)


def test_nothing_is_asked_around_an_ignored_object_but_at_the_centre_of_another() -> None:
    beside = BOX + np.float32([2, 0, 2, 0])
    targets = paint(1, 32, 32, seen([0], BOX), seen([0], beside), NOTHING, NOTHING)
    assert targets.heat[0, 22, 12] == 1 and targets.heat[0, 22, 14] < 0 and targets.heat[0, 22, 20] == 0
    outputs = flat(1, 32)
    losses = [
        detector_losses(
            outputs | {"heat": torch.zeros(1, 1, 32, 32).index_fill(3, torch.tensor([column]), 4.0)}, targets
        )
        for column in (14, 25)
    ]
    assert losses[0]["heat_loss"] < losses[1]["heat_loss"], "hot where nothing is asked costs nothing"


def test_frames_of_training_change_from_epoch_to_epoch_and_those_of_an_evaluation_are_all() -> None:
    source = SceneSource([make(Wanted("objects", "easy", 4, seed, frames=32)).recipe for seed in (1, 2)])
    every = next(FrameBatches(source, tiny(), shuffle=False, part=(0, 1)).epoch(0))
    assert every.video.shape == (8, 32, 3, 64, 64) and every.rows.tolist() == list(range(8))
    again = render(make(Wanted("objects", "easy", 4, 2, frames=32)).recipe)
    assert np.array_equal(every.video[4:], again), "the second recipe follows the first"
    stream = FrameBatches(source, tiny(), shuffle=True, part=(0, 1))
    first, second = (next(stream.epoch(epoch)) for epoch in (0, 1))
    assert first.video.shape == (8, 16, 3, 64, 64) and not torch.equal(first.video, second.video)
    part = first.first(2)
    whole, few = (detector_losses(Detector(0.25).eval()(one.video), one.targets) for one in (first, part))
    assert len(part) == 2 and whole.keys() == few.keys() and part.targets.place.max() < 32 * 64 * 64


# what it says


def test_any_size_of_picture_and_any_number_of_frames() -> None:
    model = Detector(0.25).eval()
    for height, width in ((64, 64), (37, 50), (3, 128)):
        outputs = model(torch.zeros(2, 5, 3, height, width, dtype=torch.uint8))
        assert {name: tuple(value.shape) for name, value in outputs.items()} == {
            name: (2, 5, count, height, width) for name, count in PARTS.items()
        }


def test_hundreds_of_peaks_and_none() -> None:
    said = flat(2, 64)
    said["score"][1, 0, ::3, ::3] = 5 + torch.rand(22, 22)
    peaks = decode(said, 0.5)
    assert len(peaks.frame) == 484 and (peaks.frame == 1).all() and (peaks.boxes[:, 2:] > peaks.boxes[:, :2]).all()
    assert len(decode({name: value[:1] for name, value in said.items()}, 0.5).frame) == 0


def test_the_second_look_sees_the_pixels_around_a_centre_and_black_outside_the_picture() -> None:
    picture = torch.rand(2, 3, 20, 20)
    at = torch.tensor([[8.5, 9.5], [9.0, 9.5], [0.5, 19.5], [-7.0, 30.0]])
    whole, between, corner, outside = patches(picture, torch.tensor([1, 1, 1, 0]), at)
    assert torch.equal(whole, picture[1, :, 5:14, 4:13])
    assert torch.allclose(between, (picture[1, :, 5:14, 4:13] + picture[1, :, 5:14, 5:14]) / 2)
    assert torch.equal(corner[:, :5, 4:], picture[1, :, 15:, :5]) and corner[:, 5:].abs().max() == 0
    assert torch.isfinite(outside).all()


def test_a_shape_of_clutter_is_hot_and_no_object() -> None:
    shape = BOX + np.float32([8, 0, 8, 0])
    targets = paint(1, 32, 32, seen([0], BOX), NOTHING, seen([0], shape), NOTHING)
    assert (targets.heat[0, 22, [12, 20]] == 1).all() and targets.is_object[0, 22, [12, 20]].tolist() == [1, 0]
    sure = flat(1, 32)
    sure["score"][0, 0, 22, 12], sure["score"][0, 0, 22, 20] = 5, -5
    wrong = sure | {"score": torch.where(sure["score"] > NO_PEAK, -sure["score"], sure["score"])}
    losses = [float(detector_losses(said, targets)["score_loss"]) for said in (sure, wrong, flat(1, 32))]
    assert 0 < losses[0] < 0.02 and losses[1] > 9 and losses[2] == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_no_frames_and_frames_without_anything(finished: Run, dtype: type) -> None:
    learned = LearnedDetector(finished.session.model.eval(), 64)  # type: ignore[arg-type]
    for finder in (learned.at(0.99), ClassicalDetector()):
        assert finder.detect(np.zeros((0, 3, 64, 64), dtype)).frame_count == 0
        found = finder.detect(np.zeros((3, 3, 64, 64), dtype))
        assert found.frame_count == 3 and len(found) == 0


def test_the_classical_one_finds_what_stands_alone() -> None:
    recipe = make(Wanted("objects", "easy", 8, 5, frames=32)).recipe
    matches = detect_scenes(ClassicalDetector(), recipe)
    scores = detection_scores(matches, ClassicalDetector().threshold)
    assert scores.precision > 0.7 and scores.recall > 0.5
    looks = ClassicalDetector().detect(render(recipe)[0])
    colours = true_objects(recipe)[0].colours / 255
    nearest = np.abs(np.concatenate(looks.features)[:, None] - colours).max(axis=2).min(axis=1)
    assert np.median(nearest) < 0.15


def test_the_feature_of_a_box_is_the_colour_around_its_centre() -> None:
    frames = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    frames[0, :, 2:5, 4:7] = torch.tensor([255, 51, 0], dtype=torch.uint8)[:, None, None]
    for given in (frames, frames.float() / 255):
        look = Detector(0.25).eval()(given)["look"]
        assert look[0, :, 3, 5].tolist() == pytest.approx([1, 0.2, 0], abs=1e-6) and look[0, 0, 0, 0].abs() < 1e-6


# what it refuses


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((4, 64, 64, 3), r"\(T, H, W, 3\): its colours come last"),
        ((3, 4, 64, 64), r"\(3, T, H, W\): its colours come first"),
        ((4, 1, 64, 64), "has 1 channels, not 3"),
        ((2, 4, 3, 64, 64), "several clips"),
        ((64, 64), "shape"),
        ((4, 3, 0, 64), "no pixels"),
    ],
)
def test_what_is_no_video_is_named(shape: tuple[int, ...], why: str) -> None:
    with pytest.raises(DataError, match=why):
        check_frames(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(("value", "dtype"), [(np.nan, "f4"), (1.5, "f4"), (-0.1, "f4"), (0, "f8"), (0, "i4")])
def test_numbers_that_are_no_pixels_are_refused(value: float, dtype: str) -> None:
    with pytest.raises(DataError):
        check_frames(np.full((1, 3, 8, 8), value, dtype))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["tier=medium"], "detector has no tier 'medium'"),
        (["extractor=i3d"], "extractor has no effect on problem detector"),
        (["then=[evaluate]", "evaluate_on=[hard]"], "then has no effect on problem detector"),
    ],
)
def test_options_of_other_experiments_are_refused(words: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load_config("detector", words)
    with pytest.raises(ConfigError, match="clutter has no effect on problem trajectories"):
        load_config("keypoint", ["clutter=3"])


# a run


def test_a_run_leaves_figures_beside_the_classical_ones(finished: Run) -> None:
    result = json.loads((finished.folder / "result.json").read_text())
    assert {"recall", "precision", "average_precision", "false_per_frame"} <= {*result["controls"]["classical"]}
    assert result["tests"].keys() == {"standard"} and result["parameters"] < 12000
    history = finished.session.state.history
    assert history[1]["val_loss"] < history[0]["val_loss"] and history[1]["train_heat_loss"] < history[1]["train_loss"]
    pictures = {path.name for path in (finished.folder / "artifacts").glob("*.png")}
    assert {"training_curves.png", "detections.png"} <= pictures


def test_a_checkpoint_gives_equal_boxes(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.objects.detector.LEAST_HEAT", 0.0)  # after a dozen steps it is sure of nothing
    video = render(make(Wanted("objects", "standard", 1, 3, frames=32)).recipe)[0][:4]
    model = finished.session.model.eval()
    ours, loaded = LearnedDetector(model, 64).at(0.01), LearnedDetector.load(str(finished.folder)).at(0.01)  # type: ignore[arg-type]
    for one, other in zip(ours.detect(video), loaded.detect(video), strict=True):
        assert all(map(np.array_equal, one, other))
    assert len(ours.detect(video)) and loaded.flags(64, 64) == []
    assert "trained on pictures of 64 x 64 px, these have 128 x 96" in loaded.flags(128, 96)[0]
    content = read_checkpoint(finished.folder / "checkpoints" / "best.pt")
    del content["detector"]
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="is of problem detector: no detector"):
        LearnedDetector.load(str(tmp_path / "other.pt"))


def test_stopped_and_resumed_equals_straight(finished: Run, tmp_path: Path) -> None:
    Run(tmp_path, tiny()).stop_at(2)
    resumed = Run(tmp_path, tiny())
    assert resumed.session.state.step == 2
    resumed.trainer.fit()
    assert values(tmp_path) == values(finished.folder)
    assert_same_weights(tmp_path, finished.folder)


@pytest.mark.slow  # 8 s
def test_the_commands(finished: Run, command: Command) -> None:
    status, said = command("detect", "easy", "--clips", "4", "--detector", str(finished.folder), "--json")
    rows = json.loads(said)["rows"]
    assert status == 0 and [row["detector"] for row in rows] == ["learned", "classical"]
    words = ("detect", "easy", "--clips", "4", "--threshold", "0", "1")
    status, said = command(*words, "--detector", str(finished.folder), "--json")
    again = json.loads(said)["rows"]
    assert status == 0 and [row["detector"] for row in again] == ["learned >= 0", "learned >= 1", "classical"]
    assert again[1]["figures"][0]["recall"] == 0 and again[2] == rows[1]
    assert command(*words) == (2, "trainer: --threshold is for a trained detector; name it: --detector RUN\n")
    words = ("detect", "easy", "--clips", "4", "--single-frame")
    assert command(*words) == (2, "trainer: --single-frame is for a trained detector; name it: --detector RUN\n")
    status, said = command(*words, "--detector", str(finished.folder), "--json")
    rows = json.loads(said)["rows"]
    assert status == 0 and [row["detector"] for row in rows] == ["learned", "learned, single frames", "classical"]
    status, said = command(
        "track",
        "easy",
        "--clips",
        "4",
        "--boxes",
        "detector",
        "--detector",
        str(finished.folder),
        "--appearance",
        "0.4",
    )
    assert status == 0 and "detector" in said
    status, said = command("track", "easy", "--boxes", "detector")
    assert status == 2 and "--detector RUN go together" in said
