"""Two recipes of one world: the same objects, seen by two cameras, and by nothing else apart."""

from functools import cache

import numpy as np
import pytest

from renderer.catalogue import Wanted, make
from renderer.motion import Motion
from renderer.objects import OBJECT_TIERS
from renderer.sampling import MARGIN, cameras_contains
from renderer.stereo import ANGLE_DEG, Pair, make_pair
from renderer.truth import truth
from renderer.video import render

TIERS = tuple(OBJECT_TIERS)


@cache
def pair(tier: str = "standard", clips: int = 150, clutter: int = 2) -> Pair:
    return make_pair(tier, clips, 5, clutter=clutter)


@pytest.mark.parametrize("tier", TIERS)
def test_both_recipes_hold_one_world(tier: str) -> None:
    both = pair(tier)
    differ = {name for name in both.first.arrays() if not np.array_equal(getattr(both.first, name),
                                                                         getattr(both.second, name))}  # fmt: skip
    assert differ == {"rotation", "position", "noise_seed"}
    assert both.first.seed != both.second.seed, "an object trembles otherwise in the other picture"


@pytest.mark.parametrize("tier", TIERS)
def test_the_second_camera_is_one_of_the_tier_at_an_angle_to_the_first(tier: str) -> None:
    both = pair(tier)
    assert cameras_contains(both.second.cameras, OBJECT_TIERS[tier].law.ranges).all()
    azimuth = [np.degrees(np.arctan2(*recipe.position.T[1::-1])) for recipe in (both.first, both.second)]
    assert ANGLE_DEG.contains(np.abs(azimuth[0] - azimuth[1]), slack=1e-6).all()


@pytest.mark.parametrize("tier", TIERS)
def test_all_centres_seen_or_not_lie_inside_both_pictures(tier: str) -> None:
    both = pair(tier)
    for recipe in (both.first, both.second):
        pixels = recipe.cameras.of(recipe.clip).project(recipe.camera_path())
        assert pixels.min() >= 64 * MARGIN - 1e-3 and pixels.max() <= 64 * (1 - MARGIN) + 1e-3
    assert both.acceptance["persistent"] == pytest.approx(both.acceptance["transient"], rel=0.12)


def test_boxes_of_either_camera_are_where_the_same_points_of_the_world_are_projected() -> None:
    """By t = -R C, written out here, with C not 0 and R not the identity; with t = C it does not hold."""
    both = pair(clutter=0)
    world = Motion.from_array(both.first.motion.astype(np.float64)).positions(both.first.window.times_s[:32])
    for recipe in (both.first, both.second):
        R, C = recipe.rotation[recipe.clip], recipe.position[recipe.clip]
        assert np.abs(C).max(axis=1).min() > 0.5 and np.abs(R - np.eye(3)).max() > 0.5
        what = truth(recipe)
        whole = what.visible > 0.9
        centre = (what.boxes[..., :2] + what.boxes[..., 2:]) / 2
        apart = {}
        for name, t in (("-R C", -np.einsum("nij,nj->ni", R, C)), ("C", C)):
            seen = np.einsum("nij,ntj->nti", R, world) + t[:, None]
            pixels = recipe.focal_px * seen[..., :2] / seen[..., 2:] + 32
            apart[name] = np.linalg.norm(pixels - centre, axis=2)[whole]
        assert np.median(apart["-R C"]) < 0.15 and np.quantile(apart["-R C"], 0.99) < 0.4
        assert np.median(apart["C"]) > 5


def test_visible_shares_are_each_cameras_own() -> None:
    first, second = (truth(recipe) for recipe in (pair().first, pair().second))
    hidden = [what.visible < 0.9 for what in (first, second)]
    drawn = pair().first.is_drawn
    assert (drawn & hidden[0] & ~hidden[1]).sum() > 20 and (drawn & ~hidden[0] & hidden[1]).sum() > 20
    assert not first.visible[~drawn].any() and not second.visible[~drawn].any()


def test_noise_and_trembling_are_the_pictures_own() -> None:
    both = pair()
    first, second = (render(recipe.take(np.array([0]))) for recipe in (both.first, both.second))
    dark = (first < 60) & (second < 60)
    assert abs(np.corrcoef(first[dark], second[dark])[0, 1]) < 0.02


def test_one_seed_gives_one_pair_and_scenes_of_one_camera_are_as_they_were() -> None:
    again = make_pair("standard", 150, 5, clutter=2)
    assert (again.first.digest(), again.second.digest()) == (pair().first.digest(), pair().second.digest())
    assert make_pair("standard", 4, 6).first.digest() != make_pair("standard", 4, 7).first.digest()
    alone = make(Wanted("objects", "standard", 150, 5, 32, clutter=2)).recipe
    assert np.array_equal(alone.rotation, pair().first.rotation), "the first camera is that of a clip of one camera"
