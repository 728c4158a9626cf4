"""Training on videos of any origin: every form of metadata, mapped files, refusals that say what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from renderer.catalogue import Wanted
from renderer.video import render
from tests.trainer.folders import RECIPE, write_folder
from trainer.config import load_config
from trainer.data.dataset import load_dataset, write_dataset
from trainer.data.export import Layout, export
from trainer.data.external import External, open_external
from trainer.data.opening import open_data
from trainer.data.source import RecipeSource
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError, DataError
from trainer.finish import finish
from trainer.loop import Trainer
from trainer.reporter import Reporter
from trainer.session import Session, open_session
from trainer.stop import Stop
from trainer.trajectories_problem import held_out, run_test, trajectories_of
from wire.run_dir import RunDir

VIDEOS = render(RECIPE)
NAMES = [RECIPE.class_names[label] for label in RECIPE.label]


def filled(data: External, name: str) -> np.ndarray:
    source = data.split(name)
    out = np.empty((len(source), source.frames, 3, source.size_px, source.size_px), np.uint8)
    source.fill(np.arange(len(source)), 0, out)
    return out


def test_pixels_labels_and_targets_come_as_they_are(tmp_path: Path) -> None:
    data = open_external(write_folder(tmp_path), seed=1)
    assert data.source.class_names == RECIPE.class_names and data.source.frames == 16
    assert [len(data.splits[name]) for name in SPLITS] == [24, 4, 4]
    for name in SPLITS:
        rows = data.splits[name]
        assert np.array_equal(filled(data, name), VIDEOS[rows])
        assert data.split(name).labels.tolist() == RECIPE.label[rows].tolist()
        future = data.split(name).fill(np.array([1, 0]), 7, np.empty((2, 16, 3, 32, 32), np.uint8))
        assert future == pytest.approx(RECIPE.camera_path(16)[rows[[1, 0]]], abs=1e-6)


def test_the_files_are_mapped_and_not_read(tmp_path: Path) -> None:
    data = open_external(write_folder(tmp_path), seed=1)
    assert all(isinstance(part, np.memmap) for part in data.source.videos.parts)


@pytest.mark.parametrize(
    "videos",
    [
        pytest.param((VIDEOS / 255).astype(np.float32), id="float32"),
        pytest.param(VIDEOS.transpose(0, 1, 3, 4, 2), id="channels last"),
        pytest.param((VIDEOS / 255).astype(np.float32).transpose(0, 1, 3, 4, 2), id="both"),
    ],
)
def test_other_layouts_give_the_same_pixels(tmp_path: Path, videos: np.ndarray) -> None:
    data = open_external(write_folder(tmp_path, videos), seed=1)
    assert np.array_equal(filled(data, "test"), VIDEOS[data.splits["test"]])
    assert any("turned" in note for note in data.notes) == (videos.shape[-1] == 3)


PLAIN: dict[str, Any] = {
    "names": {"labels": NAMES},
    "numbers from 1": {"labels": (RECIPE.label + 1).tolist()},
    "label a clip": [{"label": name} for name in NAMES],
    "class and scene a clip": [{"class": name, "scene": f"{name} {row % 9}"} for row, name in enumerate(NAMES)],
    "positions a clip": [
        {"label": int(label), "trajectory_3d": path.tolist()}
        for label, path in zip(RECIPE.label, RECIPE.camera_path(), strict=True)
    ],
}


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_the_plain_forms_of_metadata(tmp_path: Path, content: Any) -> None:
    write_folder(tmp_path)
    (tmp_path / "metadata.json").write_text(json.dumps(content))
    data = open_external(tmp_path, seed=1)
    pairs = set(zip(data.source.labels.tolist(), NAMES, strict=True))
    assert len(pairs) == len(data.source.class_names) == 4, "each number stands for one class"
    assert (data.source.path is not None) == ("trajectory_3d" in str(content)[:99])
    assert len(np.unique(data.source.scene)) == (
        len({(name, row % 9) for row, name in enumerate(NAMES)}) if "scene" in str(content)[:99] else 32
    )


def test_given_splits_are_kept_in_either_form(tmp_path: Path) -> None:
    by_class = [np.flatnonzero(RECIPE.label == label) for label in range(4)]
    rows = {name: np.concatenate([part[cut] for part in by_class]).tolist() for name, cut in
            (("train", slice(4)), ("val", slice(4, 6)), ("test", slice(6, 8)))}  # fmt: skip
    data = open_external(write_folder(tmp_path, splits=rows), seed=1)
    assert data.splits["validation"].tolist() == rows["val"]
    split = [next(name for name, chosen in rows.items() if row in chosen) for row in range(32)]
    clips = [{"label": label, "split": name} for label, name in zip(RECIPE.label.tolist(), split, strict=True)]
    (tmp_path / "metadata.json").write_text(json.dumps(clips))
    assert {name: sorted(chosen.tolist()) for name, chosen in open_external(tmp_path, seed=1).splits.items()} == {
        "train": sorted(rows["train"]), "validation": sorted(rows["val"]), "test": sorted(rows["test"])}  # fmt: skip


def safetensors_bytes(videos: np.ndarray) -> bytes:
    entry = {"dtype": "U8", "shape": videos.shape, "data_offsets": [0, videos.nbytes]}
    header = json.dumps({"videos": entry}).encode()
    return len(header).to_bytes(8, "little") + header + videos.tobytes()


def test_shards_are_one_row_after_the_other(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "videos.npy").unlink()
    for number, part in enumerate((VIDEOS[:12], VIDEOS[12:]), 1):
        (tmp_path / f"videos-{number:05d}-of-00002.safetensors").write_bytes(safetensors_bytes(part))
    data = open_external(tmp_path, seed=1)
    assert np.array_equal(filled(data, "train"), VIDEOS[data.splits["train"]])
    (tmp_path / "videos-00002-of-00002.safetensors").write_bytes(safetensors_bytes(VIDEOS[12:])[:-1])
    with pytest.raises(DataError, match=r"00002.safetensors: cannot be read"):
        open_external(tmp_path, seed=1)


def test_shards_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """As text, videos-10 comes before videos-2, and every later clip would have the label of another."""
    write_folder(tmp_path)
    (tmp_path / "videos.npy").unlink()
    for number in range(16):
        np.save(tmp_path / f"videos-{number}.npy", VIDEOS[2 * number : 2 * number + 2])
    assert np.array_equal(open_external(tmp_path, seed=1).source.read(np.arange(32)), VIDEOS)


def with_value(value: float) -> np.ndarray:
    videos = (VIDEOS / 255).astype(np.float32)
    videos[5, 8, 0, 0, 0] = value
    return videos


@pytest.mark.parametrize(
    ("videos", "metadata", "message"),
    [
        (VIDEOS[:31], {}, "31 clips, but metadata.json has 32 labels"),
        (VIDEOS.astype(np.float64), {}, "values of type float64"),
        (VIDEOS[:, :, 0], {}, r"shape \(32, 16, 32, 32\), uint8: clips of colour are"),
        (VIDEOS[:, :, :1], {}, r"shape \(32, 16, 1, 32, 32\)"),
        (VIDEOS[..., :16], {}, "pictures of 32 x 16 pixels: squares"),
        (VIDEOS[:, :1], {}, "clips of at least 2 frames"),
        (with_value(np.nan), {}, "clip 5 holds a value that is no number"),
        (with_value(255.0), {}, r"clip 5 has values from 0 to 255: float32 must be in \[0, 1\]"),
        (None, {"trajectory_3d": RECIPE.camera_path(0, 9).tolist()}, "9 positions a clip of 16 frames"),
        (None, {"trajectory_3d": np.zeros((31, 21, 3)).tolist()}, "a row for each of 32 labels"),
        (None, {"trajectory_3d": np.full((32, 21, 3), np.nan).tolist()}, "trajectory_3d holds a value that is no num"),
        (None, {"frames": 25}, "frames is 16, but metadata.json says 25"),
        (None, {"size_px": 128}, "size_px is 32, but metadata.json says 128"),
        (None, {"scene": [0, 1]}, "32 labels, but scene has 2"),
        (None, {"labels": None}, "no labels"),
        (None, {"labels": [0.5] * 32}, "labels must be a list of whole numbers, or one of names"),
        (None, {"labels": "linear"}, "labels must be a list"),
        (None, {"labels": None, "lables": [0] * 32}, r"no labels \(it has class_names, trajectory_3d, lables\)"),
        (None, {"class_names": ["a", "b", "b", "c"]}, "class_names has a name twice"),
        (None, {"class_names": "abcd"}, "class_names must be a list of names"),
        (None, {"format": 2}, "of format 2, newer than 1: update this program"),
        (None, {"labels": [7] * 32}, "label 7 is none of the class_names linear, circular"),
        (None, {"splits": {"train": [0], "test": [1]}}, "splits are train, validation, test, not train, test"),
        (None, {"splits": {name: [0.5] for name in SPLITS}}, "splits must be .*clip numbers"),
        (None, {"splits": {name: [99] for name in SPLITS}}, "the train split names clips that the data does not have"),
        (None, {"splits": {"train": [0, 0], "validation": [1], "test": [2]}}, "the train split names a clip twice"),
        (None, {"splits": {key: [0] for key in (*SPLITS, "val")}}, "splits are train, validation, test, not .*, val"),
        (None, {"trajectory_3d": "gone.npy"}, "gone.npy"),
        (None, {"trajectory_3d": "../positions.npy"}, "no name of a file beside it"),
        (None, {"trajectory_3d": np.ones((32, 21, 3)).tolist()}, "stands still in every clip"),
        (None, {"videos": ["../videos.npy"]}, "no name of a file beside it"),
        (None, {"videos": ["gone.npy"]}, "no gone.npy"),
        (None, {"content_sha256": {"videos.npy": "00"}}, "content differs from metadata.json: edited or damaged"),
    ],
)
def test_what_cannot_be_trained_on_is_told(
    tmp_path: Path, videos: np.ndarray | None, metadata: Mapping[str, Any], message: str
) -> None:
    write_folder(tmp_path, videos, **metadata)
    with pytest.raises(DataError, match=message) as caught:
        open_external(tmp_path, seed=1)
    assert str(caught.value).startswith(str(tmp_path)), "the message says where"


@pytest.mark.parametrize(
    ("videos", "hint"),
    [
        (VIDEOS[0], "one clip becomes a list of one"),
        (VIDEOS.transpose(0, 2, 1, 3, 4), r"videos.transpose\(0, 2, 1, 3, 4\)"),
        (VIDEOS[:, :, 0], r"numpy.repeat\(videos\[:, :, None\], 3, axis=2\)"),
        (VIDEOS[:, :, :1].transpose(0, 1, 3, 4, 2), r"numpy.repeat\(videos, 3, axis=4\)"),
        (np.repeat(VIDEOS[:, :, :1], 4, axis=2), r"videos\[:, :, :3\]"),
        ((VIDEOS / 255).astype(np.float16), r"videos.astype\(numpy.float32\)"),
        (VIDEOS.astype(np.int64), r"videos.astype\(numpy.uint8\)"),
    ],
)
def test_a_form_that_is_not_ours_comes_with_the_way_to_ours(tmp_path: Path, videos: np.ndarray, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        open_external(write_folder(tmp_path, videos), seed=1)
    assert re.search(hint, caught.value.hint)


def test_a_key_that_some_clips_lack_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path)
    clips: list[dict[str, Any]] = [{"label": name, "split": "train"} for name in NAMES]
    del clips[7]["split"]
    (tmp_path / "metadata.json").write_text(json.dumps(clips))
    with pytest.raises(DataError, match="split is there for 31 of 32 clips"):
        open_external(tmp_path, seed=1)


def test_clips_outside_all_splits_are_counted(tmp_path: Path) -> None:
    rows = open_external(write_folder(tmp_path), seed=1).splits
    splits = {name: chosen[:: 1 + (name == "train")].tolist() for name, chosen in rows.items()}
    data = open_external(write_folder(tmp_path, splits=splits), seed=1)
    assert data.notes == ("12 clips are in no split",)


def test_damaged_files_and_empty_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metadata.json: cannot be read"):
        open_external(tmp_path, seed=1)
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        open_external(tmp_path / "nowhere", seed=1)
    write_folder(tmp_path)
    whole = (tmp_path / "videos.npy").read_bytes()
    for content in (whole[:-1], whole[:50], b"", b"PK\x03\x04"):
        (tmp_path / "videos.npy").write_bytes(content)
        with pytest.raises(DataError, match=r"videos.npy: cannot be read"):
            open_external(tmp_path, seed=1)
    (tmp_path / "videos.npy").unlink()
    with pytest.raises(DataError, match=r"no videos.npy"):
        open_external(tmp_path, seed=1)
    for text in ("{", "[" * 9999, "[]", "3", '{"labels": []}', '[{"label": 1}, 2]'):
        (tmp_path / "metadata.json").write_text(text)
        with pytest.raises(DataError, match=r"metadata.json"):
            open_external(tmp_path, seed=1)


def test_a_value_that_is_no_number_is_found_even_where_the_check_did_not_look(tmp_path: Path) -> None:
    data = open_external(write_folder(tmp_path, (VIDEOS / 255).astype(np.float32)), seed=1)
    videos = np.load(tmp_path / "videos.npy", mmap_mode="r+")
    videos[data.splits["train"][3], 2, 1, 5, 5] = np.inf
    videos.flush()
    with pytest.raises(DataError, match=f"clip {data.splits['train'][3]} holds a value that is no number"):
        filled(data, "train")


@pytest.mark.parametrize("layout", [Layout("npy"), Layout("npy", 12), Layout("safetensors", 12)])
def test_our_own_export_is_read_without_its_recipe(tmp_path: Path, layout: Layout) -> None:
    write_dataset(tmp_path, Wanted("trajectories", "medium", 32, size_px=32))
    data = load_dataset(tmp_path)
    export(tmp_path, data, layout)
    for name in ("manifest.json", "recipe.npz"):
        (tmp_path / name).unlink()
    external = open_external(tmp_path, seed=5)
    assert external.source.class_names == data.recipe.class_names and external.notes == ()
    for name in SPLITS:
        assert np.array_equal(filled(external, name), render(data.split(name)))
        path = external.split(name).path
        assert path is not None and path == pytest.approx(data.split(name).camera_path(), abs=1e-6)


def trained(folder: Path, **options: Any) -> tuple[Session, list[str]]:
    """Train for an epoch in this process; return the session, and a list that takes what it says."""
    config = load_config("keypoint").model_copy(
        update={"width": 0.05, "epochs": 1, "batch_size": 8, "threads": 1} | options
    )
    run = RunDir(str(folder))
    Path(run.artifacts).mkdir(parents=True)
    said: list[str] = []
    reporter = Reporter(run, "r.1", lambda progress, important: said.append(progress.message))
    session = open_session(config, run, reporter, Stop())
    Trainer(session).fit()
    return session, said


def finished(session: Session) -> tuple[dict[str, Any], dict[str, Any]]:
    """End the run; return result.json and training_results.json."""
    finish(session)
    paths = (Path(session.run.result), Path(session.run.artifacts) / "training_results.json")
    result, results = (json.loads(path.read_text()) for path in paths)
    return result, results


def test_a_run_on_a_folder_has_all_figures_and_says_what_was_done(tmp_path: Path) -> None:
    session, said = trained(tmp_path / "run", data=str(write_folder(tmp_path / "data")))
    problem = trajectories_of(session)
    assert set(problem.test_controls.table()) == {"hold_last", "constant_velocity", "class_mean", "majority"}
    figures = run_test(session, problem.data.test).metrics(problem.test_controls.best_mse)
    assert figures["n"] == 4 and "skill" in figures and problem.tests == {}
    assert problem.facts["counts"] == {"train": 24, "validation": 4, "test": 4}
    assert any("no splits given" in line for line in said)


def test_a_run_without_positions_learns_classes_and_says_that_it_forecasts_nothing(tmp_path: Path) -> None:
    data = str(write_folder(tmp_path / "data", trajectory_3d=None))
    with pytest.raises(ConfigError, match=r"knows no positions .*nothing to forecast"):
        trained(tmp_path / "run", data=data)
    as_they_are = open_data(load_config("i3d", [f"data={data}", "w_pred=0"]), tmp_path)
    assert "augmentation=full is for generated clips" in as_they_are.notes[-1]
    result, results = finished(trained(tmp_path / "again", data=data, w_pred=0.0)[0])
    assert "no forecast figures: the data has no positions" in result["flags"]
    assert not any("mse" in key or "skill" in key for key in result["metrics"])
    assert result["controls"] == {"majority": {"accuracy": 0.25}} and "pred_mse" not in results["history"][0]
    pictures = {path.name for path in (tmp_path / "again" / "artifacts").glob("*.png")}
    assert {"training_curves.png", "confusion_matrix.png"} <= pictures and "forecasting_curves.png" not in pictures


def test_clips_that_the_extractor_cannot_take_are_told_before_training(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", np.tile(VIDEOS, (1, 5, 1, 1, 1)), trajectory_3d=None)
    with pytest.raises(ConfigError, match=r"keypoint cannot take the clips of .* 80 frames of 32 x 32 pixels"):
        trained(tmp_path / "run", data=str(data), w_pred=0.0)


def test_a_run_on_a_recipe_folder_of_another_kind(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", Wanted("persistence", "easy", 80, frames=25, size_px=32))
    session, said = trained(tmp_path / "run", data=str(tmp_path / "data"), w_pred=0.0)
    result, results = finished(session)
    assert set(results["tests"]) == {"shifted-camera", "shifted-motion", "noisy"} and result["metrics"]["n"] == 12
    assert sum(map(sum, results["confusion_matrix"])) == 12
    assert any(line.startswith("shifted-camera: accuracy ") for line in said)


def test_held_out_tests_stand_beside_the_ordinary_one_with_controls_of_their_own(tmp_path: Path) -> None:
    session, said = trained(tmp_path / "run", tier="easy", clips=28)
    problem = trajectories_of(session)
    for name, source in problem.data.tests.items():
        row = held_out(session, name, source)
        assert row["metrics"]["n"] == 4 and row["controls"]["hold_last"]["pred_mse"] > 0 and "skill" in row["metrics"]
        assert row["controls"] != problem.test_controls.table()
        assert sum(line.startswith(f"{name}: accuracy ") for line in said) == 1
    without = load_config("keypoint", ["tier=easy", "clips=28", "shifted_tests=false"])
    assert open_data(without, tmp_path / "run" / "artifacts" / "data").tests == {}


def test_augmentation_and_the_mix_of_noise_are_for_training_alone(tmp_path: Path) -> None:
    words = ["tier=hard", "clips=28", "noise=bank", "augmentation=full", "train_noise=tier"]
    data = open_data(load_config("keypoint", words), tmp_path)
    sources = (data.train, data.validation, data.test, *data.tests.values())
    assert all(isinstance(source, RecipeSource) and source.recipe.noise == "bank" for source in sources)
    assert [(source.augmentation, source.noise) for source in sources] == [("full", "tier")] + [("none", "tier")] * 5
