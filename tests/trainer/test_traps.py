"""The traps that concern data, each built on purpose: as a recipe, and as videos of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from renderer.motion import Family, Motion
from renderer.noise import add_noise
from renderer.sampling import Window
from renderer.trajectories import TrajectoryRecipe, make_recipe
from renderer.variants import variant
from renderer.video import render
from tests.trainer.folders import RECIPE, clamped_videos, write_folder
from trainer.data.audit import audit_external, audit_recipe
from trainer.data.audit_report import Report
from trainer.data.dataset import DataSet
from trainer.data.external import open_external
from trainer.data.manifest import Manifest
from trainer.data.source import Augmentation, RecipeSource
from trainer.data.splits import SPLITS, Rows, check_splits, split_scenes
from trainer.errors import DataError

MEDIUM = make_recipe("medium", 240, 4, Window(size_px=32)).recipe
ACCEPTANCE = dict.fromkeys(MEDIUM.class_names, 0.95)


def report_of(recipe: TrajectoryRecipe, rows: Rows | None = None, acceptance: dict[str, float] = ACCEPTANCE) -> Report:
    """Audit a recipe that `load_dataset` might not even have let through."""
    rows = rows or split_scenes(recipe.scene, recipe.label, 0)
    manifest = Manifest("trajectories", {}, (), acceptance, {}, {}, "", 0, {})
    return audit_recipe(DataSet(recipe, rows, {}, manifest))


def found(report: Report, *statuses: str) -> set[str]:
    return {check.name for check in report.checks if check.status in (statuses or ("fail",))}


def cut_by_class(label: np.ndarray) -> Rows:
    """The trap: sorted by class, then cut."""
    order = np.argsort(label, kind="stable")
    cuts = [int(0.7 * len(order)), int(0.85 * len(order))]
    return dict(zip(SPLITS, np.split(order, cuts), strict=True))


def test_data_as_it_should_be_passes_every_check(tmp_path: Path) -> None:
    assert found(report_of(MEDIUM)) == set()
    many = {"labels": MEDIUM.label.tolist(), "trajectory_3d": None}
    data = open_external(write_folder(tmp_path, render(MEDIUM), **many), seed=1)
    report = audit_external(data)
    assert found(report) == set() and not found(report, "flag") & {"one place tells the class", "probe: noise level"}


# 1: a split sorted by class


def test_1_a_class_sorted_split_is_refused_and_reported(tmp_path: Path) -> None:
    rows = cut_by_class(MEDIUM.label)
    with pytest.raises(DataError, match="the train split lacks class parabolic"):
        check_splits(MEDIUM, rows)
    assert "fewest clips of a class in a split" in found(report_of(MEDIUM, rows))
    given = {name: chosen.tolist() for name, chosen in cut_by_class(RECIPE.label).items()}
    with pytest.raises(DataError, match="the train split lacks class parabolic"):
        open_external(write_folder(tmp_path, splits=given), seed=1)


# 2: a forecast target inside the input


@pytest.mark.parametrize("augmentation", ["none", "full"])
def test_2_nothing_after_the_last_seen_frame_reaches_a_pixel(
    monkeypatch: pytest.MonkeyPatch, augmentation: Augmentation
) -> None:
    source = RecipeSource(MEDIUM, augmentation=augmentation)
    rows = np.arange(16)
    before, after = (np.empty((16, 16, 3, 32, 32), np.uint8) for _ in range(2))
    targets = source.fill(rows, 0, before)
    camera_path, last = TrajectoryRecipe.camera_path, MEDIUM.window.times_s[15]

    def elsewhere(recipe: TrajectoryRecipe, start: int = 0, stop: int | None = None) -> np.ndarray:
        path = camera_path(recipe, start, stop)
        return np.where((recipe.window.times_s[start:stop] > last)[:, None], path + 0.5, path)

    monkeypatch.setattr(TrajectoryRecipe, "camera_path", elsewhere)
    moved = RecipeSource(MEDIUM, augmentation=augmentation).fill(rows, 0, after)
    assert targets is not None and moved is not None
    assert np.array_equal(before, after), "no pixel depends on a frame that is to be forecast"
    assert moved == pytest.approx(targets + 0.5, abs=1e-6), "and every target is of such a frame"


def test_2_frames_whose_positions_are_targets_are_cut_from_the_input(tmp_path: Path) -> None:
    path = RECIPE.camera_path(0, 16)
    video = render(RECIPE)
    source = open_external(write_folder(tmp_path / "one", video, trajectory_3d=path.tolist()), seed=1).split("train")
    video[:, 11:] = 255 - video[:, 11:]
    other = open_external(write_folder(tmp_path / "other", video, trajectory_3d=path.tolist()), seed=1).split("train")
    rows = np.arange(len(source))
    assert source.frames == other.frames == 11
    clips, same = (np.empty((len(rows), 11, 3, 32, 32), np.uint8) for _ in range(2))
    targets = source.fill(rows, 0, clips)
    other.fill(rows, 0, same)
    assert np.array_equal(clips, same)
    assert targets == pytest.approx(path[source.rows][:, 11:16], abs=1e-6)


# 4: constant labels


def test_4_constant_labels_are_refused_and_reported(tmp_path: Path) -> None:
    constant = MEDIUM.replace(label=np.zeros_like(MEDIUM.label))
    rows = split_scenes(MEDIUM.scene, MEDIUM.label, 0)
    with pytest.raises(DataError, match="all 240 labels are the same"):
        check_splits(constant, rows)
    assert "classes" in found(report_of(constant, rows))
    with pytest.raises(DataError, match="all 32 labels are the same"):
        open_external(write_folder(tmp_path, labels=[2] * 32), seed=1)


# 7: classes with identical pictures, static clips, clamped clips


def changed(recipe: TrajectoryRecipe, chosen: np.ndarray, **terms: float) -> TrajectoryRecipe:
    """Scale terms of the motion of some clips."""
    motion = recipe.motion.copy()
    for name, factor in terms.items():
        motion[chosen, list(Motion.__dataclass_fields__).index(name)] *= factor
    return recipe.replace(motion=motion)


def test_7_helices_that_are_circles_are_found() -> None:
    """The climb is gone: both classes are circles of the same radii."""
    flat = changed(MEDIUM, MEDIUM.label == Family.HELICAL, velocity=0.0)
    assert "helix against circle" in found(report_of(flat))
    turning = np.isin(MEDIUM.label, (Family.CIRCULAR, Family.HELICAL))
    pretended = MEDIUM.replace(label=np.where(turning, 1 + np.arange(240) % 2, MEDIUM.label).astype(np.uint8))
    assert "told apart: circular / helical" in found(report_of(pretended), "fail", "flag")


def test_7_one_picture_under_two_labels_is_refused(tmp_path: Path) -> None:
    video, label = render(RECIPE), RECIPE.label.copy()
    circle, helix = np.flatnonzero(label == 1)[0], np.flatnonzero(label == 2)[0]
    video[helix] = video[circle]
    scene = np.arange(32)
    scene[helix] = scene[circle]
    rows = {name: chosen.tolist() for name, chosen in split_scenes(np.arange(32), label, 1).items()}
    together = next(name for name, chosen in rows.items() if circle in chosen)
    for chosen in rows.values():
        chosen[:] = [row for row in chosen if row != helix]
    rows[together].append(int(helix))
    with pytest.raises(DataError, match="the same pixels under two labels"):
        open_external(write_folder(tmp_path, video, splits=rows, scene=scene.tolist()), seed=1)


def test_7_static_clips_are_found(tmp_path: Path) -> None:
    still = changed(MEDIUM, np.arange(240) == 17, velocity=0.0, acceleration=0.0, rotation=0.0)
    assert "static clips" in found(report_of(still))
    video = render(RECIPE.with_noise(np.zeros(32, np.float32), RECIPE.noise_seed))
    video[9] = video[9, :1]
    add_noise(video[9], 0.05, 3)
    with pytest.raises(DataError, match=r"nothing moves in clip 9 \(1 of 32"):
        open_external(write_folder(tmp_path, video), seed=1)


def test_7_paths_that_leave_the_picture_and_clips_clamped_to_its_border_are_found(tmp_path: Path) -> None:
    wide = changed(MEDIUM, MEDIUM.label == Family.LINEAR, velocity=2.5)
    assert "out of view" in found(report_of(wide))
    with pytest.raises(DataError, match="is clamped to the border"):
        open_external(write_folder(tmp_path, clamped_videos()), seed=1)


def test_7_a_class_that_was_rejected_more_often_is_found() -> None:
    assert "acceptance, highest by lowest" in found(report_of(MEDIUM, acceptance=ACCEPTANCE | {"linear": 0.5}))


# 8: augmented twins across splits


def twins(scene: np.ndarray) -> tuple[TrajectoryRecipe, Rows]:
    """Every scene twice, the second time as another variant; cut by clip, not by scene."""
    half = MEDIUM.take(np.arange(120))
    both = half.take(np.tile(np.arange(120), 2))
    both = variant(both, np.repeat([0, 37], 120)).replace(scene=scene)
    return both, split_scenes(np.arange(240), both.label, 0)


def test_8_views_of_a_scene_in_two_splits_are_refused_by_scene_number() -> None:
    both, rows = twins(np.tile(np.arange(120), 2))
    with pytest.raises(DataError, match=r"scene \d+ is in both train and"):
        check_splits(both, rows)
    assert {"scenes in two splits", "paths in two splits"} <= found(report_of(both, rows))


def test_8_and_by_content_where_the_number_is_another() -> None:
    both, rows = twins(np.arange(240))
    with pytest.raises(DataError, match="the same paths"):
        check_splits(both, rows)
    assert "paths in two splits" in found(report_of(both, rows))


def external_twins(folder: Path, sigma: float) -> Path:
    """The first clip of the test split is one of training, seen again."""
    calm: Any = RECIPE.with_noise(np.zeros(32, np.float32), RECIPE.noise_seed)
    video, rows = render(calm), split_scenes(RECIPE.scene, RECIPE.label, 1)
    test = rows["test"][0]
    train = next(row for row in rows["train"] if RECIPE.label[row] == RECIPE.label[test])
    video[test] = video[train]
    for row in (test, train):
        add_noise(video[row], sigma, int(row))
    return write_folder(folder, video, splits={name: chosen.tolist() for name, chosen in rows.items()})


def test_8_the_same_pixels_in_two_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the same pixels .* are in both train and test"):
        open_external(external_twins(tmp_path, 0.0), seed=1)


def test_8_twins_that_differ_in_noise_are_found_by_the_audit(tmp_path: Path) -> None:
    report = audit_external(open_external(external_twins(tmp_path, 0.03), seed=1))
    assert found(report) == {"twins but for noise in two splits"}


# beside the table: a sign of the class that is no object


def signed(kind: str) -> np.ndarray:
    """Return the clips of `MEDIUM` with a sign of their class that no tracker looks at."""
    videos = render(MEDIUM).astype(int)
    rng = np.random.default_rng(3)
    for clip, label in zip(videos, MEDIUM.label.tolist(), strict=True):
        if kind == "tint":
            clip[:, 0] += 8 * label
        elif kind == "mark in one frame":
            clip[3, :, 5, 5 + 2 * label] = 255
        elif kind == "noise":
            clip += np.rint(rng.normal(0, 1 + 3 * label, clip.shape)).astype(int)
    return np.clip(videos, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("tint", "one place tells the class"),
        ("mark in one frame", "one place tells the class"),
        ("noise", "probe: noise level"),
    ],
)
def test_a_sign_of_the_class_is_flagged_wherever_it_is(tmp_path: Path, kind: str, check: str) -> None:
    folder = write_folder(tmp_path, signed(kind), labels=MEDIUM.label.tolist(), trajectory_3d=None)
    report = audit_external(open_external(folder, seed=1))
    assert check in found(report, "flag")
