"""The 180 views of a scene: addressable, distinct, framed, and still of the same path."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.catalogue import Wanted, make
from renderer.errors import RendererError
from renderer.motion import Motion
from renderer.noise import LEVELS
from renderer.sampling import MARGIN
from renderer.tiers import TIERS
from renderer.trajectories import TrajectoryRecipe, contains, make_recipe
from renderer.variants import RADIX, VARIANTS, variant, views
from renderer.video import render

SCENES = {tier: make_recipe(tier, 40, 6, style="both").recipe for tier in TIERS}
ALL = np.arange(VARIANTS)


def number(noise: int = 0, camera: int = 0, rotation: int = 0, phase: int = 0, style: int = 0) -> int:
    return int(np.ravel_multi_index((noise, camera, rotation, phase, style), RADIX))


def seen(tier: str, scene: int, k: np.ndarray) -> TrajectoryRecipe:
    return variant(SCENES[tier].take(np.full(len(k), scene)), k)


def pictures(recipe: TrajectoryRecipe) -> set[bytes]:
    return {hashlib.sha256(clip.tobytes()).digest() for clip in render(recipe)}


@pytest.mark.parametrize("tier", TIERS)
def test_variant_0_is_the_scene_itself(tier: str) -> None:
    scenes = SCENES[tier]
    same = variant(scenes, np.zeros(len(scenes), np.int64))
    for name in scenes.arrays():
        assert np.array_equal(getattr(same, name), getattr(scenes, name)), name
        assert getattr(same, name).dtype == getattr(scenes, name).dtype


def test_a_scene_has_180_different_pictures() -> None:
    assert VARIANTS == 180
    for scene in range(4):
        recipe = seen("medium", scene, ALL)
        assert len(pictures(recipe)) == 180
        assert sorted(set(recipe.noise_sigma.tolist())) == pytest.approx(LEVELS)


def test_without_noise_hardly_two_are_alike() -> None:
    """A long path close to the border may have no room for a shift."""
    quiet = np.arange(VARIANTS // len(LEVELS))
    recipes = [seen("medium", scene, quiet) for scene in range(12)]
    different = [len(pictures(recipe.with_noise(np.zeros(36, np.float32), recipe.noise_seed))) for recipe in recipes]
    assert np.mean(different) > 35 and min(different) >= 24


def test_in_a_tier_of_one_fixed_camera_only_the_rotations_differ_between_cameras() -> None:
    recipe = seen("easy", 0, ALL)
    assert np.abs(recipe.position - recipe.position[0]).max() < 1e-12
    assert len(pictures(recipe)) == 180


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(TIERS)), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 179)), max_size=6))
def test_a_variant_is_the_same_bytes_in_any_batch(tier: str, chosen: list[tuple[int, int]]) -> None:
    rows = np.array([row for row, _ in chosen], np.int64)
    k = np.array([k for _, k in chosen], np.int64)
    together = variant(SCENES[tier].take(rows), k)
    assert together.scene.tolist() == rows.tolist()
    for index in range(len(rows)):
        alone = variant(SCENES[tier].take(rows[index : index + 1]), k[index : index + 1])
        assert np.array_equal(alone.motion[0], together.motion[index])
        assert np.array_equal(render(alone)[0], render(together.take(np.array([index])))[0])


@pytest.mark.parametrize("tier", TIERS)
def test_every_centre_of_every_variant_is_in_view(tier: str) -> None:
    for scene in range(len(SCENES[tier])):
        recipe = seen(tier, scene, ALL)
        assert recipe.cameras.inside(recipe.camera_path(), MARGIN).all()


@pytest.mark.parametrize("tier", ["medium", "hard"])
def test_other_cameras_are_drawn_from_the_ranges_of_the_tier(tier: str) -> None:
    recipes = [seen(tier, scene, np.array([number(camera=1), number(camera=2)])) for scene in range(40)]
    places = np.stack([recipe.position for recipe in recipes])
    assert (np.linalg.norm(places[:, 0] - places[:, 1], axis=1) > 1e-3).all()
    own = SCENES[tier].position[:, None]
    assert (np.linalg.norm(places - own, axis=2) > 1e-3).all(), "of 16 draws one keeps the path in view"
    assert all(contains(TIERS[tier], recipe).all() for recipe in recipes)


def test_a_rotation_turns_the_camera_by_a_few_degrees_where_it_stands() -> None:
    scenes = SCENES["medium"]
    turned = variant(scenes, np.full(len(scenes), number(rotation=1)))
    assert np.array_equal(turned.position, scenes.position) and np.array_equal(turned.motion, scenes.motion)
    between = turned.rotation @ scenes.rotation.transpose(0, 2, 1)
    angle_deg = np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angle_deg.max() <= 5 + 1e-6
    assert ((angle_deg >= 2) & (angle_deg <= 5)).mean() > 0.8


@pytest.mark.parametrize(("phase", "sign"), [(1, -1), (2, 1)])
def test_a_phase_is_another_piece_of_the_same_path(phase: int, sign: int) -> None:
    scenes = SCENES["medium"]
    shifted = variant(scenes, np.full(len(scenes), number(phase=phase)))
    times = scenes.window.times_s
    later = sign * scenes.window.length_s / 8
    expected = Motion.from_array(scenes.motion).positions(times + later)
    whole = np.abs(Motion.from_array(shifted.motion).positions(times) - expected).max(axis=(1, 2)) < 1e-12
    assert whole.mean() > 0.8
    for row in np.flatnonzero(~whole):
        shorter = [Motion.from_array(scenes.motion[row : row + 1]).positions(times + later * n / 16) for n in range(16)]
        path = Motion.from_array(shifted.motion[row : row + 1]).positions(times)
        assert min(np.abs(path - other).max() for other in shorter) < 1e-12


def test_the_second_style_is_the_other_one_and_label_and_colour_stay() -> None:
    scenes = SCENES["medium"]
    other = variant(scenes, np.full(len(scenes), number(style=1)))
    assert np.array_equal(other.style, 1 - scenes.style)
    every = variant(scenes, np.arange(len(scenes)) * 4 + 3)
    assert np.array_equal(every.label, scenes.label) and np.array_equal(every.colour, scenes.colour)


@pytest.mark.parametrize("k", [[180], [-1], [0, 1], [[0]]])
def test_numbers_that_no_variant_has_are_refused(k: list) -> None:
    with pytest.raises(RendererError, match="0 to 179"):
        variant(SCENES["medium"].take(np.arange(1)), np.array(k))


@pytest.mark.parametrize("count", [1, 7])
def test_views_of_a_scene_are_different_variants_of_it(count: int) -> None:
    some = SCENES["medium"].take(np.array([5, 3]))
    recipe = views(some, count)
    assert recipe.scene.tolist() == [5] * count + [3] * count
    assert len(pictures(recipe)) == 2 * count
    every = pictures(seen("medium", 5, ALL)) | pictures(seen("medium", 3, ALL))
    assert pictures(recipe) <= every


def test_a_data_set_has_its_scenes_in_views_and_its_held_out_tests_have_not() -> None:
    wanted = Wanted("trajectories", "medium", 6, variants=3)
    assert make(wanted).recipe.scene.tolist() == np.repeat(np.arange(6), 3).tolist()
    assert make(wanted, "noisy").recipe.scene.tolist() == list(range(6))
