"""Data sets on disk: splits, manifest, and all that loading refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from renderer.catalogue import DATASETS, Wanted, make
from renderer.recipe import KINDS, RECIPE_VERSION
from renderer.trajectories import make_recipe
from trainer.data import dataset
from trainer.data.content import content_hashes
from trainer.data.dataset import RECIPE_NAME, ensure_dataset, load_dataset, write_dataset
from trainer.data.manifest import MANIFEST_NAME, MANIFEST_VERSION
from trainer.data.splits import SPLITS, check_splits, split_scenes
from trainer.errors import ConfigError, DataError

RECIPE = make_recipe("medium", 200, 4).recipe
WANTED = Wanted("trajectories", "medium", 200, seed=4)


def wish(name: str, clips: int = 200) -> Wanted:
    data = DATASETS[name]
    return Wanted(name, data.tiers[0], clips, seed=4, frames=data.frames[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "data", WANTED)
    return tmp_path / "data"


def test_splits_are_70_15_15_in_every_class_and_share_nothing() -> None:
    rows = split_scenes(RECIPE.scene, RECIPE.label, 4)
    assert [len(rows[name]) for name in SPLITS] == [136, 32, 32]
    for name in SPLITS:
        assert len(set(np.bincount(RECIPE.label[rows[name]]).tolist())) == 1
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(200))


def test_all_views_of_a_scene_stay_together() -> None:
    scene = np.repeat(np.arange(40), 5)
    label = np.repeat(np.arange(40) % 4, 5).astype(np.uint8)
    rows = split_scenes(scene, label, 0)
    places = [set(scene[rows[name]].tolist()) for name in SPLITS]
    assert not (places[0] & places[1] or places[0] & places[2] or places[1] & places[2])


def test_splits_are_shuffled_by_seed() -> None:
    first, same, other = (split_scenes(RECIPE.scene, RECIPE.label, seed)["test"].tolist() for seed in (1, 1, 2))
    assert first == same and first != other


def test_the_shares_of_the_split_can_be_chosen(tmp_path: Path) -> None:
    write_dataset(tmp_path, WANTED, (0.5, 0.2, 0.3))
    assert [len(load_dataset(tmp_path).rows[name]) for name in SPLITS] == [100, 40, 60]


@pytest.mark.parametrize(
    ("shares", "problem"),
    [
        ((0.7, 0.2, 0.2), "the shares add up to 1.1, not 1"),
        ((1.0, 0.0, 0.0), "three shares between 0 and 1"),
        ((1.2, -0.1, -0.1), "three shares between 0 and 1"),
        ((0.7, float("nan"), 0.15), "three shares between 0 and 1"),
        ((0.7, 0.3), "three shares between 0 and 1"),
    ],
)
def test_a_nonsense_split_is_refused_and_nothing_is_left(
    tmp_path: Path, shares: tuple[float, ...], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        write_dataset(tmp_path / "data", WANTED, shares)
    assert not (tmp_path / "data").exists()


def test_a_share_that_leaves_a_class_empty_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the validation split lacks class linear, circular, helical, parabolic"):
        write_dataset(tmp_path / "data", WANTED, (0.84, 0.005, 0.155))
    with pytest.raises(DataError, match="the test split lacks class linear"):
        write_dataset(tmp_path / "data", replace(WANTED, clips=27), (0.55, 0.4, 0.05))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", DATASETS)
def test_every_split_and_test_of_every_data_set_has_every_class(tmp_path: Path, name: str) -> None:
    write_dataset(tmp_path, wish(name))
    data = load_dataset(tmp_path)
    assert list(data.tests) == list(DATASETS[name].tests)
    for part in [*(data.split(split) for split in SPLITS), *data.tests.values()]:
        assert isinstance(part, KINDS[name]) and len(np.unique(part.label)) == len(part.class_names)
    assert {len(test) for test in data.tests.values()} == {len(data.rows["test"])}


def test_the_smallest_data_set_has_every_class_in_every_split(tmp_path: Path) -> None:
    write_dataset(tmp_path, replace(WANTED, tier="easy", clips=28))
    data = load_dataset(tmp_path)
    assert all(len(np.unique(data.split(name).label)) == 4 for name in SPLITS)


def test_the_manifest_tells_what_is_in_the_data(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    four = dict.fromkeys(("linear", "circular", "helical", "parabolic"))
    assert manifest["counts"]["train"] == dict.fromkeys(four, 34)
    assert manifest["counts"]["test"] == manifest["counts"]["noisy"] == dict.fromkeys(four, 8)
    assert manifest["bytes"] == sum(path.stat().st_size for path in folder.rglob("*.npz"))
    assert set(manifest["sha256"]) == {path.relative_to(folder).as_posix() for path in folder.rglob("*.npz")}
    assert set(manifest["acceptance"]) == set(four)
    assert (manifest["wanted"], manifest["generator_version"]) == (asdict(WANTED), RECIPE_VERSION)
    assert load_dataset(folder).recipe.digest() == manifest["digest"] == RECIPE.digest()


def change(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest | values))


def refused(folder: Path, problem: str) -> str:
    with pytest.raises(DataError, match=problem) as caught:
        load_dataset(folder)
    return caught.value.hint


def test_a_split_that_lacks_a_class_is_refused(folder: Path) -> None:
    """The trap: data sorted by class and cut, so that validation sees one class."""
    order = np.argsort(RECIPE.label, kind="stable").tolist()
    change(folder, splits={"train": order[:140], "validation": order[140:170], "test": order[170:]})
    refused(folder, "the train split lacks class parabolic")


def test_constant_labels_are_refused() -> None:
    constant = replace(RECIPE, label=np.zeros_like(RECIPE.label))
    with pytest.raises(DataError, match="all 200 labels are the same"):
        check_splits(constant, split_scenes(constant.scene, constant.label, 0))


def test_a_scene_in_two_splits_is_refused() -> None:
    rows = split_scenes(RECIPE.scene, RECIPE.label, 4)
    twins = RECIPE.scene.copy()
    twins[rows["test"][0]] = twins[rows["train"][0]]
    with pytest.raises(DataError, match=r"scene \d+ is in both train and test"):
        check_splits(replace(RECIPE, scene=twins), rows)


def test_a_twin_under_another_scene_number_view_and_noise_is_refused() -> None:
    rows = split_scenes(RECIPE.scene, RECIPE.label, 4)
    motion = RECIPE.motion.copy()
    motion[rows["validation"][3]] = motion[rows["train"][5]]
    with pytest.raises(DataError, match=r"the same paths \(content \w{16}\) are in both train and validation"):
        check_splits(replace(RECIPE, motion=motion), rows)


def test_a_held_out_test_that_shows_a_clip_of_the_training_is_refused() -> None:
    rows = split_scenes(RECIPE.scene, RECIPE.label, 4)
    with pytest.raises(DataError, match=r"in both train and noisy"):
        check_splits(RECIPE, rows, {"noisy": RECIPE})


@pytest.mark.parametrize("name", DATASETS)
def test_content_tells_every_clip_apart_in_any_selection(tmp_path: Path, name: str) -> None:
    recipe = make(wish(name, 60)).recipe
    content = content_hashes(recipe)
    assert len(np.unique(content)) == 60
    rows = np.array([41, 3, 17])
    assert content_hashes(recipe.take(rows)).tolist() == content[rows].tolist()


def test_splits_beyond_the_recipe_are_refused(folder: Path) -> None:
    change(folder, splits={"train": [0, 999], "validation": [1], "test": [2]})
    refused(folder, "names clips that the data does not have")
    change(folder, splits={"train": [0, 0], "validation": [1], "test": [2]})
    refused(folder, f"{folder}: the train split names a clip twice")
    change(folder, splits={"train": [0]})
    refused(folder, "no usable splits")


@pytest.mark.parametrize("name", [RECIPE_NAME, "tests/noisy.npz"])
def test_a_changed_truncated_or_missing_file_is_refused(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for data in (whole[:-1], whole[:-1] + b"x", make_recipe("medium", 200, 5).recipe.to_bytes(), b""):
        (folder / name).write_bytes(data)
        refused(folder, f"{name}: content differs from its manifest")
    (folder / name).unlink()
    refused(folder, f"{name}: cannot be read: No such file")


def test_a_recipe_edited_together_with_its_manifest_is_refused(folder: Path) -> None:
    """The recipe holds its own digest, so that changing both files is not enough."""
    edited = dict(np.load(folder / RECIPE_NAME))
    edited["label"] = edited["label"][::-1]
    np.savez(folder / RECIPE_NAME, **edited)
    digest = hashlib.sha256((folder / RECIPE_NAME).read_bytes()).hexdigest()
    change(folder, sha256=load_manifest(folder)["sha256"] | {RECIPE_NAME: digest})
    refused(folder, "the content is not what was written: edited or damaged")


def load_manifest(folder: Path) -> dict[str, dict[str, str]]:
    return json.loads((folder / MANIFEST_NAME).read_text())


def test_a_manifest_of_another_version_is_refused(folder: Path) -> None:
    change(folder, generator_version=RECIPE_VERSION + 1)
    assert refused(folder, "made by a newer version") == "update this program"
    change(folder, generator_version=RECIPE_VERSION, version=MANIFEST_VERSION + 1, splits="of another form")
    assert refused(folder, "made by a newer version") == "update this program"
    change(folder, version=MANIFEST_VERSION, generator_version=RECIPE_VERSION - 1)
    assert refused(folder, "made by an older version") == "remove the folder to generate it again"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": null}', '{"version": 1, "generator_version": 2}'])
def test_rubbish_in_place_of_a_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST_NAME).write_text(text)
    refused(folder, "no readable data set")


@pytest.mark.parametrize(
    "values",
    [
        {"wanted": None}, {"shares": "abc"}, {"sha256": []}, {"bytes": "many"}, {"acceptance": {}}, {"counts": 7},
        {"splits": {"train": [[0]]}}, {"splits": {"train": [0.5]}}, {"version": 1e999},
    ],
)  # fmt: skip
def test_a_manifest_with_a_value_of_another_kind_is_refused(folder: Path, values: dict[str, object]) -> None:
    change(folder, **values)
    refused(folder, f"manifest.json: no readable data set: .*{'' if 'version' in values else next(iter(values))}")


def test_a_manifest_of_another_recipe_is_refused(folder: Path) -> None:
    """A run that resumes knows its data by this digest."""
    change(folder, digest="0" * 64)
    refused(folder, "recipe.npz: not the recipe of its manifest")


def test_a_data_set_of_another_kind_is_refused(folder: Path) -> None:
    change(folder, name="dances")
    refused(folder, "unknown kind 'dances'")


def test_data_of_another_wish_is_made_anew_and_the_same_is_kept(tmp_path: Path) -> None:
    def wanted(clips: int) -> Wanted:
        return replace(WANTED, clips=clips)

    ensure_dataset(tmp_path, wanted(40))
    first = (tmp_path / MANIFEST_NAME).stat().st_ino
    assert (ensure_dataset(tmp_path, wanted(40)) / MANIFEST_NAME).stat().st_ino == first
    assert len(load_dataset(ensure_dataset(tmp_path, wanted(60))).recipe) == 60
    (tmp_path / MANIFEST_NAME).write_text("{")
    assert len(load_dataset(ensure_dataset(tmp_path, wanted(60))).recipe) == 60


def test_a_disk_too_small_is_told_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=20_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match=r"[\d.]+ kB and a margin of 33.6 MB are needed, but 20 MB are free"):
        write_dataset(tmp_path / "data", WANTED)
    assert not (tmp_path / "data").exists()


def test_a_disk_that_fills_up_in_the_middle_leaves_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, data: bytes, mode: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dataset, "replace_file", full)
    with pytest.raises(DataError, match="the disk is full"):
        write_dataset(tmp_path / "data", WANTED)
    assert not (tmp_path / "data" / MANIFEST_NAME).exists()
