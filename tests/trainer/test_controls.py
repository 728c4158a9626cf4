"""Controls that are models of their own: what they see, that they end up in the table, and that they can be stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.video import render
from tests.trainer.folders import RECIPE
from tests.trainer.sessions import Run, tiny
from tests.trainer.test_analysis import raw_results, results
from trainer.__main__ import main
from trainer.analysis.analysis import analyse
from trainer.analysis.comparison import compare
from trainer.analysis.comparison_report import page
from trainer.analysis.reading import read_results
from trainer.analysis.results import with_controls
from trainer.checkpoint import read_checkpoint
from trainer.controls_fit import PHYSICS_FIT, physics_fit
from trainer.controls_oracle import OracleExtractor, Sightings, sightings
from trainer.controls_sources import Change, ChangedPictures, ShuffledTargets, blank, one_frame, shuffle_frames
from trainer.controls_trained import CONDITIONS, train_controls
from trainer.data.batches import Batches
from trainer.data.source import RecipeSource
from trainer.errors import DataError, Interrupted
from trainer.models.extractors import build_extractor
from trainer.stop import Stop
from trainer.train_controls import NAMES
from wire.records import Progress

SOURCE = RecipeSource(RECIPE)
VIDEO = render(RECIPE)
ROWS = np.array([5, 0, 17])


def seen(change: Change, rows: np.ndarray = ROWS, epoch: int = 0) -> np.ndarray:
    """What a model sees of some clips under a condition."""
    source = ChangedPictures(SOURCE, change)
    out = np.empty((len(rows), *VIDEO.shape[1:]), np.uint8)
    future = source.fill(rows, epoch, out)
    assert future is not None and SOURCE.path is not None
    assert np.array_equal(source.labels, SOURCE.labels) and np.allclose(future, SOURCE.path[rows, SOURCE.frames :])
    return out


def test_pictures_say_less_and_targets_stay() -> None:
    assert not seen(blank).any()
    assert np.array_equal(seen(one_frame), np.repeat(VIDEO[ROWS, -1:], VIDEO.shape[1], axis=1))


def test_shuffled_frames_are_the_same_frames_in_an_order_by_clip_and_epoch() -> None:
    shuffled = seen(shuffle_frames)
    order = [[int((VIDEO[row] == frame).all(axis=(1, 2, 3)).argmax()) for frame in clip]
             for row, clip in zip(ROWS, shuffled, strict=True)]  # fmt: skip
    assert [sorted(one) for one in order] == [list(range(VIDEO.shape[1]))] * len(ROWS) and order[0] != order[1]
    assert np.array_equal(seen(shuffle_frames, ROWS[1:])[0], shuffled[1])
    assert not np.array_equal(seen(shuffle_frames, epoch=1), shuffled)


def test_shuffled_labels_belong_to_other_clips_as_their_positions_do() -> None:
    shuffled = ShuffledTargets(SOURCE, 0)
    out = np.empty((len(ROWS), *VIDEO.shape[1:]), np.uint8)
    future = shuffled.fill(ROWS, 0, out)
    assert np.array_equal(out, VIDEO[ROWS])
    assert future is not None and shuffled.path is not None and SOURCE.path is not None
    assert np.array_equal(future, shuffled.path[ROWS, SOURCE.frames :].astype(np.float32))
    assert (shuffled.labels != SOURCE.labels).sum() > 12
    assert np.array_equal(np.sort(shuffled.labels), np.sort(SOURCE.labels))
    pairs = {(label, tuple(path[0])) for label, path in zip(SOURCE.labels, SOURCE.path, strict=True)}
    assert pairs == {(label, tuple(path[0])) for label, path in zip(shuffled.labels, shuffled.path, strict=True)}


def test_the_oracle_sees_the_true_place_and_size_of_every_seen_frame() -> None:
    told = sightings(SOURCE)
    pixels = RECIPE.cameras.project(RECIPE.camera_path(0, SOURCE.frames))
    half = SOURCE.size_px / 2
    assert np.allclose(told[..., :2] * RECIPE.focal_px + half, pixels, atol=1e-3)
    mean, spread = told.mean(axis=(0, 1)), told.std(axis=(0, 1))
    source = Sightings(SOURCE, mean, spread)
    batch = next(Batches(source, 8, 0, shuffle=True).epoch(0))
    extractor = OracleExtractor()
    given: list[torch.Tensor] = []
    extractor.embed.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    assert extractor(batch.video).shape == (8, SOURCE.frames, 64)
    order = np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(len(SOURCE))[:8]
    assert np.array_equal(given[0].numpy(), source.numbers[order]) and abs(source.numbers.mean()) < 1e-3


def test_the_oracle_needs_positions_before_a_camera() -> None:
    class Behind:
        path, frames = -np.ones((2, 21, 3)), 16

    class Nowhere:
        path, frames = None, 16

    for source, words in ((Behind, "looks along z"), (Nowhere, "no positions")):
        with pytest.raises(DataError, match=words):
            sightings(source)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of a run, beside results of our choice."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished")
    Run(folder, tiny("epochs=1", "full_epochs=2")).trainer.fit()
    results(folder.parent, raw_results(), folder.name)
    return folder


@pytest.mark.slow  # 3 s
def test_controls_are_stopped_and_go_on_and_stand_in_the_table(finished: Path) -> None:
    """All of them, stopped in the middle of the second; the figures are those of a straight course."""
    names, stop = list(NAMES), Stop()

    def say(progress: Progress, important: bool) -> None:
        if progress.attempt.startswith("one_frame") and progress.epoch_fraction == 1:
            stop.signal = signal.SIGTERM

    with pytest.raises(Interrupted):
        train_controls(str(finished), names, 0, say, stop)
    path = finished / "artifacts" / "controls.json"
    first = json.loads(path.read_text())["controls"]
    assert list(first) == ["blank_video"]
    again: list[str] = []
    rows = train_controls(str(finished), names, 0, lambda progress, _: again.append(progress.attempt), Stop())
    assert list(rows) == names and rows["blank_video"] == first["blank_video"] and "blank_video.1" not in again
    assert rows["one_frame"]["epochs"] == 1, "as many as the first stage has"
    straight = train_controls(str(finished), ["one_frame"], 0, lambda *_: None, Stop())["one_frame"]
    assert straight == rows["one_frame"]
    table = page(compare([finished]), "x.png")
    for name in NAMES:
        assert f"| {name.replace('_', ' ')} |" in table
    torch.manual_seed(0)
    fresh = build_extractor(tiny()).state_dict()
    for name, learnt in (("frozen_features", False), ("shuffled_labels", True)):
        model = read_checkpoint(finished / "controls" / f"{name}-1" / "checkpoints" / "last.pt")["model"]
        assert learnt != all(torch.equal(model[f"extractor.{key}"], value) for key, value in fresh.items()), name
    assert rows[PHYSICS_FIT]["accuracy"] > 0.9 and rows[PHYSICS_FIT]["pred_mse"] < 0.001
    assert "the physics fit, a reference without any network, forecasts t+5 better than finished" in table
    assert main(["controls", str(finished), "--only", "oracle", "--json"]) == 0


def test_a_run_below_a_trained_control_has_no_skill(finished: Path) -> None:
    one = read_results(finished)
    figures = {**one.metrics, "accuracy": 1.0, "pred_mse": one.metrics["pred_mse"] / 2}
    assert with_controls(one, {"shuffled_frames": figures}).metrics["skill"] <= -1
    assert "no skill" in analyse(with_controls(one, {"shuffled_frames": figures})).flags
    short = with_controls(one, {"blank_video": {**figures, "epochs": 1.0}})
    assert short.notes[-1].startswith(f"a trained control had 1 of the run's {one.epochs} epochs")
    assert with_controls(one, {"oracle": figures}).metrics["skill"] == with_controls(one, {}).metrics["skill"]
    (name, held), *_ = one.tests.items()
    fitted = with_controls(one, {}, {name: {PHYSICS_FIT: figures}, "elsewhere": {}}).tests
    assert fitted[name].controls == {**held.controls, PHYSICS_FIT: figures} and set(fitted) == set(one.tests)


def test_the_physics_fit_sees_pixels_alone_and_needs_a_known_camera() -> None:
    few = RecipeSource(RECIPE.take(ROWS))
    assert few.path is not None
    answer = physics_fit(few, lambda: None)
    few.path[:] = 0
    assert np.array_equal(physics_fit(few, lambda: None).forecast, answer.forecast)
    with pytest.raises(DataError, match="not known"):
        physics_fit(ChangedPictures(few, blank), lambda: None)


def test_the_names_of_the_command_are_those_of_the_conditions() -> None:
    assert (*CONDITIONS, PHYSICS_FIT) == NAMES


def test_data_that_changed_meanwhile_is_refused(finished: Path, tmp_path: Path) -> None:
    content = read_checkpoint(finished / "checkpoints" / "best.pt")
    content["identity"]["data"] = "another"
    (tmp_path / "checkpoints").mkdir()
    torch.save(content, tmp_path / "checkpoints" / "best.pt")
    with pytest.raises(DataError, match="is not what it was trained on"):
        train_controls(str(tmp_path), ["oracle"], 0, lambda *_: None, Stop())
