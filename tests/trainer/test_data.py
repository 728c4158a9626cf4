"""Splits, manifest, loading that refuses, and batches that depend on (seed, epoch) alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.trajectories import make_recipe
from trainer.data.batches import Batches
from trainer.data.dataset import (
    MANIFEST_NAME,
    RECIPE_NAME,
    Wanted,
    check_splits,
    ensure_dataset,
    load_dataset,
    write_dataset,
)
from trainer.data.splits import SPLITS, split_scenes
from trainer.errors import DataError

RECIPE = make_recipe("medium", 200, 4).recipe


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


def test_the_smallest_data_set_has_every_class_in_every_split(tmp_path: Path) -> None:
    write_dataset(tmp_path, Wanted("easy", 28))
    data = load_dataset(tmp_path)
    assert all(len(np.unique(data.split(name).label)) == 4 for name in SPLITS)


def test_the_manifest_tells_what_is_in_the_data(tmp_path: Path) -> None:
    write_dataset(tmp_path, Wanted("medium", 200, seed=4))
    manifest = json.loads((tmp_path / MANIFEST_NAME).read_text())
    assert manifest["counts"]["train"] == {"linear": 34, "circular": 34, "helical": 34, "parabolic": 34}
    assert manifest["bytes"] == (tmp_path / RECIPE_NAME).stat().st_size
    assert set(manifest["acceptance"]) == set(manifest["counts"]["test"])
    assert load_dataset(tmp_path).recipe.digest() == manifest["recipe_digest"] == RECIPE.digest()


def change(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest | values))


def test_a_split_that_lacks_a_class_is_refused(tmp_path: Path) -> None:
    """The trap: data sorted by class and cut, so that validation sees one class."""
    write_dataset(tmp_path, Wanted("medium", 200, seed=4))
    order = np.argsort(RECIPE.label, kind="stable").tolist()
    change(tmp_path, splits={"train": order[:140], "validation": order[140:170], "test": order[170:]})
    with pytest.raises(DataError, match="the train split lacks class parabolic"):
        load_dataset(tmp_path)


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


def test_changed_content_and_rubbish_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, Wanted("medium", 200, seed=4))
    change(tmp_path, splits={"train": [0, 999], "validation": [1], "test": [2]})
    with pytest.raises(DataError, match="names clips that the recipe does not have"):
        load_dataset(tmp_path)
    (tmp_path / RECIPE_NAME).write_bytes(make_recipe("medium", 200, 5).recipe.to_bytes())
    with pytest.raises(DataError, match="content differs from its manifest"):
        load_dataset(tmp_path)
    (tmp_path / MANIFEST_NAME).write_text("{")
    with pytest.raises(DataError, match="no readable data set"):
        load_dataset(tmp_path)


def make_batches(**options: bool) -> Batches:
    return Batches(RECIPE.take(np.arange(40)), 16, 9, **{"shuffle": True, "noise_mix": True} | options)


def collect(batches: Batches, epoch: int, start: int = 0) -> list[tuple[np.ndarray, list[int]]]:
    return [(batch.video.numpy().copy(), batch.class_label.tolist()) for batch in batches.epoch(epoch, start)]


def test_an_epoch_can_be_entered_in_its_middle() -> None:
    whole, rest = collect(make_batches(), 3), collect(make_batches(), 3, start=1)
    assert [len(labels) for _, labels in whole] == [16, 16, 8]
    for (video, labels), (again, labels_again) in zip(whole[1:], rest, strict=True):
        assert labels == labels_again and np.array_equal(video, again)


def test_each_epoch_has_its_own_order_and_noise_but_the_same_clips() -> None:
    first, second = collect(make_batches(), 0), collect(make_batches(), 1)
    assert [labels for _, labels in first] != [labels for _, labels in second]
    fixed = make_batches(shuffle=False)
    assert not np.array_equal(collect(fixed, 0)[0][0], collect(fixed, 1)[0][0])
    calm = make_batches(shuffle=False, noise_mix=False)
    assert np.array_equal(collect(calm, 0)[0][0], collect(calm, 1)[0][0])


def test_targets_are_camera_frame_positions_after_the_last_seen_frame() -> None:
    batches = make_batches(shuffle=False)
    batch = next(iter(batches.epoch(0)))
    expected = RECIPE.camera_path()[:16, 16:21]
    assert batch.video.dtype is torch.uint8 and batch.video.shape == (16, 16, 3, 64, 64)
    assert batch.future_path.numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(batch.targets["future_position"], batch.future_path[:, -1])
    assert expected[..., 2].min() > 1.5, "camera frame: in front of the camera, at its distance"


def test_data_of_another_wish_is_made_anew_and_the_same_is_kept(tmp_path: Path) -> None:
    ensure_dataset(tmp_path, Wanted("medium", 40))
    first = (tmp_path / MANIFEST_NAME).stat().st_ino
    assert (ensure_dataset(tmp_path, Wanted("medium", 40)) / MANIFEST_NAME).stat().st_ino == first
    assert len(load_dataset(ensure_dataset(tmp_path, Wanted("medium", 60))).recipe) == 60
    (tmp_path / MANIFEST_NAME).write_text("{")
    assert len(load_dataset(ensure_dataset(tmp_path, Wanted("medium", 60))).recipe) == 60
