"""The `persistence` data set: what each tier holds, and which shortcuts it leaves."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from renderer.catalogue import Wanted, make
from renderer.lives import Whole
from renderer.parts import FRAMES, LONG, PERSISTENCE_TIERS, POSITIVE, SHORT, ClipKind
from renderer.persistence import PersistenceRecipe, shares
from renderer.scenes import CLUTTER, Persistence
from renderer.shapes import Shape
from renderer.sprites import sprites
from renderer.video import render
from tests.renderer.probe import balanced_accuracy

TIERS = tuple(PERSISTENCE_TIERS)
COHERENT = 12


@cache
def clips(tier: str, number: int = 1500) -> PersistenceRecipe:
    recipe = make(Wanted("persistence", tier, number, 21, FRAMES)).recipe
    assert isinstance(recipe, PersistenceRecipe)
    return recipe.with_noise(np.zeros(number, np.float32), recipe.noise_seed)


def per_clip(recipe: PersistenceRecipe, which: np.ndarray) -> np.ndarray:
    return np.bincount(recipe.clip[which], minlength=len(recipe))


def sprites_a_frame(recipe: PersistenceRecipe) -> np.ndarray:
    count = np.zeros((len(recipe), FRAMES))
    np.add.at(count, recipe.clip, recipe.is_drawn.astype(float))
    return count


def test_clips_are_shared_out_exactly() -> None:
    assert shares((1000, 1000, 250, 250), 2500) == [1000, 1000, 250, 250]
    assert shares((1000, 1000, 250, 250), 10) == [4, 4, 1, 1]
    assert [sum(shares((1000, 625, 625, 250), total)) for total in range(1, 60)] == list(range(1, 60))
    assert np.bincount(clips("matched").label).tolist() == [600, 600, 150, 150]


@pytest.mark.parametrize("tier", TIERS)
def test_each_kind_holds_what_its_name_says(tier: str) -> None:
    recipe = clips(tier)
    persistent = per_clip(recipe, recipe.kind == Persistence.PERSISTENT)
    brief = per_clip(recipe, recipe.kind == Persistence.TRANSIENT)
    clutter = per_clip(recipe, recipe.kind == CLUTTER)
    kinds = recipe.label
    assert np.array_equal(persistent, np.isin(kinds, POSITIVE).astype(int))
    assert np.array_equal(recipe.positive, np.isin(kinds, POSITIVE))
    assert (brief[kinds == ClipKind.PERSISTENT] == 0).all() and (brief[kinds == ClipKind.BRIEF] > 0).all()
    assert (brief[kinds == ClipKind.NOISE] == 0).all() and (clutter[kinds == ClipKind.NOISE] > 0).all()
    assert ((brief + clutter)[kinds == ClipKind.MIXED] > 0).all()
    assert np.array_equal(recipe.kind == CLUTTER, recipe.shape != Shape.SPHERE)
    assert recipe.life[recipe.kind == Persistence.PERSISTENT].min() >= COHERENT
    assert recipe.life[recipe.kind == Persistence.TRANSIENT].max() < COHERENT
    assert recipe.is_drawn.any(axis=1).all()


def test_easy_is_solved_by_counting_frames() -> None:
    recipe = clips("easy")
    assert np.array_equal((sprites_a_frame(recipe) > 0).sum(axis=1) > FRAMES // 2, recipe.positive)


def test_cluttered_clips_hold_clutter_of_every_length_that_stands_or_drifts() -> None:
    recipe = clips("clutter")
    clutter = recipe.kind == CLUTTER
    assert per_clip(recipe, clutter).min() >= 2
    assert Whole(1, FRAMES).contains(recipe.life[clutter]).all() and len(np.unique(recipe.life[clutter])) == FRAMES
    assert (sprites_a_frame(recipe) > 0).sum(axis=1)[~recipe.positive].mean() > COHERENT
    assert Whole(4, 9).contains(recipe.life[recipe.kind == Persistence.TRANSIENT]).all()


def test_matched_negatives_fill_their_frames_with_short_lives() -> None:
    recipe = clips("matched")
    assert (recipe.life[recipe.kind != Persistence.PERSISTENT] <= SHORT.high + SHORT.low - 1).all()
    lived = np.zeros(len(recipe))
    np.add.at(lived, recipe.clip, recipe.life)
    assert LONG.contains(lived[recipe.label <= ClipKind.BRIEF]).all()
    count = sprites_a_frame(recipe)
    one, two = (count[np.isin(recipe.label, kinds)].max(axis=1) for kinds in ((0, 1), (2, 3)))
    assert (one == 1).all() and (two == 2).mean() > 0.9


def test_a_stand_in_is_as_large_as_the_one_it_stands_in_for() -> None:
    """The area over a brief clip is spread as that of a persistent one: mean and deviation agree."""
    recipe = clips("matched", 3000)
    drawn = sprites(recipe)
    area = np.zeros(len(recipe))
    np.add.at(area, recipe.clip[drawn.row], drawn.radius**2)
    area /= np.maximum(sprites_a_frame(recipe).sum(axis=1), 1)
    persistent, brief = area[recipe.label == ClipKind.PERSISTENT], area[recipe.label == ClipKind.BRIEF]
    assert persistent.mean() == pytest.approx(brief.mean(), rel=0.03)
    assert persistent.std() == pytest.approx(brief.std(), rel=0.15)
    size = np.full((len(recipe), FRAMES), np.nan)
    size[recipe.clip[drawn.row], drawn.frame] = drawn.radius
    spread = [np.nanstd(size[recipe.label == kind], axis=1) for kind in (ClipKind.PERSISTENT, ClipKind.BRIEF)]
    steady = [np.quantile(part, 0.05) for part in spread]
    assert steady[0] == pytest.approx(steady[1], abs=0.01), "px; some clips show one size all the time, of both kinds"


def summary(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values.mean(axis=1), values.max(axis=1), values.std(axis=1), (values > 0).sum(axis=1)])


@pytest.mark.parametrize("tier", ["matched", "shape-motion"])
def test_neither_count_nor_brightness_nor_one_frame_tells_the_label(tier: str) -> None:
    recipe = clips(tier, 3000)
    count = sprites_a_frame(recipe)
    assert balanced_accuracy(summary(count), recipe.positive, recipe.scene) <= 0.55
    drawn = sprites(recipe)
    middle = np.flatnonzero((drawn.frame == FRAMES // 2) & (recipe.shape[drawn.row] == Shape.SPHERE))
    looks = np.column_stack([drawn.pixels, drawn.radius, recipe.colour[drawn.row]])[middle]
    persistent = recipe.kind[drawn.row[middle]] == Persistence.PERSISTENT
    assert balanced_accuracy(looks, persistent, recipe.clip[drawn.row[middle]]) <= 0.55
    some = recipe.take(np.arange(1500))
    buffer = np.empty((100, FRAMES, 3, 64, 64), np.uint8)
    light = np.concatenate([render(some.take(np.arange(start, start + 100)), buffer).mean(axis=(2, 3, 4))
                            for start in range(0, len(some), 100)])  # fmt: skip
    assert balanced_accuracy(summary(light), some.positive, some.scene) <= 0.55
    assert balanced_accuracy(np.sort(light, axis=1), some.positive, some.scene) <= 0.55


def test_a_brief_clip_jumps_where_a_persistent_one_glides() -> None:
    recipe = clips("matched")
    pixels = recipe.cameras.of(recipe.clip).project(recipe.camera_path(0, FRAMES))
    glides = np.linalg.norm(np.diff(pixels[recipe.kind == Persistence.PERSISTENT], axis=1), axis=2)
    rows = np.flatnonzero(recipe.label[recipe.clip] == ClipKind.BRIEF)
    rows = rows[np.lexsort((recipe.birth[rows], recipe.clip[rows]))]
    before, after = rows[:-1], rows[1:]
    same = recipe.clip[before] == recipe.clip[after]
    before, after = before[same], after[same]
    birth = recipe.birth[after]
    jump = np.linalg.norm(pixels[after, birth] - pixels[before, birth - 1], axis=1)
    largest = np.zeros(len(recipe))
    np.maximum.at(largest, recipe.clip[after], jump)
    assert (largest[recipe.label == ClipKind.BRIEF] > np.percentile(glides, 99)).mean() > 0.98


def best_rule(recipe: PersistenceRecipe, cell: Callable[[np.ndarray, np.ndarray], object]) -> float:
    """Accuracy of the best rule on what `cell` says of a clip, given its objects' shapes and coherence."""
    sphere, coherent = recipe.shape == Shape.SPHERE, recipe.life >= COHERENT
    votes: dict[object, list[int]] = {}
    for clip, positive in enumerate(recipe.positive):
        mine = recipe.clip == clip
        votes.setdefault(cell(sphere[mine], coherent[mine]), []).append(int(positive))
    return sum(max(sum(vote), len(vote) - sum(vote)) for vote in votes.values()) / len(recipe)


def test_shape_alone_or_staying_alone_is_right_three_times_in_four() -> None:
    """Each oracle knows one thing of every object, and how many sprites a frame shows; together they know all."""
    recipe = clips("shape-motion", 2500)
    two = {clip: bool(count.max() > 1) for clip, count in enumerate(sprites_a_frame(recipe))}
    assert sum(two.values()) / len(two) == pytest.approx(0.2, abs=0.02)
    assert best_rule(recipe, lambda sphere, coherent: (sphere.any(), (~sphere).any())) <= 0.7501
    assert best_rule(recipe, lambda sphere, coherent: (coherent.any(), (~coherent).any())) <= 0.7501
    assert best_rule(recipe, lambda sphere, coherent: bool(sphere.any())) == 0.75
    assert best_rule(recipe, lambda sphere, coherent: bool(coherent.any())) == 0.75
    assert best_rule(recipe, lambda sphere, coherent: bool((sphere & coherent).any())) == 1


@pytest.mark.parametrize("tier", TIERS)
def test_all_kinds_are_accepted_alike(tier: str) -> None:
    rates = make(Wanted("persistence", tier, 2000, 2, FRAMES)).acceptance
    assert set(rates) == {"persistent", "brief", "noise", "mixed"}
    assert max(rates.values()) - min(rates.values()) < 0.03
