"""Evidence of clips: of the model, the detector and the validation split, never of the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.folders import write_folder
from tests.trainer.sessions import Run, tiny
from trainer.data.external import open_external
from trainer.data.places import open_clips
from trainer.data.source import RecipeSource
from trainer.errors import DataError
from trainer.language.described import class_head, detector_error
from trainer.language.evidence import Evidence, View
from trainer.language.gathering import forecast_deviation, gather, sample_clips, track, true_tracks
from trainer.trained import Trained, load_trained


def quiet(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    Run(folder, tiny("epochs=1")).die_after_epoch()
    return load_trained(str(folder))


def test_evidence_is_what_the_model_and_the_detector_say(trained: Trained) -> None:
    source = open_clips("medium", "test", trained.config, lambda: None).source
    found = gather(trained, source, "medium", 0, quiet)
    one, exact = found.evidence[0], found.ceiling[0]
    assert len(found.evidence) == len(source) == len(found.sample.recipe) and not found.notes
    assert one.probabilities is not None and one.probabilities.sum() == pytest.approx(1)
    assert one.forecast is not None and one.forecast.shape == (5, 3)
    assert one.track is not None and exact.track is not None and exact.probabilities is exact.forecast is None
    assert np.abs(one.track - exact.track).max() < 0.2, "pixels, of the detector against the truth"
    assert np.abs(one.depth_cue - source.path[0, :16, 2]).max() < 0.3  # type: ignore[index]
    assert (one.view.frames, one.view.size_px, one.view.focal_px) == (16, 64, 70)
    pixels = np.empty((len(source), 16, 3, 64, 64), np.uint8)
    source.fill(np.arange(len(source)), 0, pixels)
    told = np.stack([clip.track for clip in found.evidence])  # type: ignore[misc]
    assert told == pytest.approx(track(torch.from_numpy(pixels)), abs=1e-4), "of the pixels, a hundredth off the truth"
    off = told - np.stack([clip.track for clip in found.ceiling])  # type: ignore[misc]
    expected = {"centre": np.square(off[..., :2]).mean() ** 0.5, "radius": np.square(off[..., 2]).mean() ** 0.5}
    assert detector_error(found) == pytest.approx(expected) and min(expected.values()) > 1e-3


def test_other_truth_under_the_same_pixels_changes_nothing(trained: Trained) -> None:
    source = open_clips("medium", "test", trained.config, lambda: None).source
    assert isinstance(source, RecipeSource)
    lied = RecipeSource(source.recipe)
    lied.labels, lied.path = lied.labels[::-1].copy(), None
    lied.recipe = source.recipe.replace(label=source.recipe.label[::-1].copy())
    for honest, other in zip(
        gather(trained, source, "medium", 0, quiet).evidence, gather(trained, lied, "medium", 0, quiet).evidence,
        strict=True,
    ):  # fmt: skip
        for name in ("probabilities", "forecast", "forecast_sd", "track"):
            assert np.array_equal(getattr(honest, name), getattr(other, name)), name


def test_the_deviation_is_of_the_validation_split_alone(trained: Trained) -> None:
    validation = open_clips("medium", "validation", trained.config, lambda: None).source
    found = gather(trained, validation, "medium", 0, quiet)
    errors = np.stack([one.forecast for one in found.evidence]) - validation.path[:, 16:]  # type: ignore[index,misc]
    expected = np.sqrt(np.square(errors).mean(axis=0))
    for split in ("test", "train"):
        source = open_clips("medium", split, trained.config, lambda: None).source
        sd = gather(trained, source, "medium", 3, quiet).evidence[0].forecast_sd
        assert sd == pytest.approx(expected, rel=1e-4)


def test_a_validation_split_that_has_gone_is_said(trained: Trained) -> None:
    gone = replace(trained, digest="of other data")
    assert forecast_deviation(gone, None, quiet) is None
    source = open_clips("medium", "test", trained.config, lambda: None).source
    found = gather(gone, source, "medium", 1, quiet)
    assert found.evidence[0].forecast_sd is None and found.evidence[0].forecast is not None
    assert "the run's validation split has gone" in found.notes[0]


def test_a_task_that_is_not_trained_says_nothing(trained: Trained) -> None:
    source = open_clips("medium", "test", trained.config, lambda: None).source
    for off, names in (("w_class", ["probabilities"]), ("w_pred", ["forecast", "forecast_sd"])):
        half = replace(trained, config=trained.config.model_copy(update={off: 0.0}))
        found = gather(half, source, "medium", 2, quiet)
        assert [name for name, value in vars(found.evidence[0]).items() if value is None] == names
        assert "not trained" in found.notes[0]


def test_the_class_head_is_right_where_its_likeliest_class_is_the_true_one() -> None:
    names, one = ("linear", "circular", "helical", "parabolic"), np.array([0.1, 0.6, 0.2, 0.1])
    told = [Evidence(View(70.0, 64, 8 / 70, 16), names, share, None, None, None) for share in (one, one, None, one)]
    assert class_head(told[:2], ["circular", "helical"]) == 0.5
    assert class_head(told[2:3], ["circular"]) is None


def test_a_sample_has_the_classes_evenly_and_grows(trained: Trained) -> None:
    source = open_clips("medium", "train", trained.config, lambda: None).source
    few, more = (sample_clips(source, "medium", count) for count in (4, 10))
    assert sorted(few.recipe.label) == [0, 1, 2, 3] and np.bincount(more.recipe.label).max() == 3
    assert {*few.rows} < {*more.rows} and list(more.rows) == sorted(more.rows)
    assert len(sample_clips(source, "medium", 0).rows) == len(sample_clips(source, "medium", 999).rows) == len(source)
    assert len(true_tracks([], few.recipe)) == 0


def test_clips_without_a_known_camera_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    with pytest.raises(DataError, match="cannot be described: it holds videos of a camera that is not known"):
        sample_clips(open_external(folder, 0).split("test"), str(folder), 3)
