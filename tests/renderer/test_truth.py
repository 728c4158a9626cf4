"""Boxes, visible shares and what counts, against hand-made scenes, brute force and the pixels themselves."""

import tracemalloc

import numpy as np
import pytest

from renderer.catalogue import Wanted, make
from renderer.scenes import CLUTTER, SceneRecipe
from renderer.shapes import Shape, coverage
from renderer.sprites import sprites
from renderer.truth import LEAST_SEEN_PX, truth
from renderer.video import render
from tests.renderer.by_hand import Thing, by_hand


def scenes(
    name: str = "objects", tier: str = "transient_heavy", clips: int = 6, seed: int = 3, size_px: int = 64
) -> SceneRecipe:
    frames = 32 if name == "objects" else 25
    recipe = make(Wanted(name, tier, clips, seed, frames, size_px, clutter=4 if name == "objects" else 0)).recipe
    assert isinstance(recipe, SceneRecipe)
    return recipe.with_noise(np.zeros(clips, np.float32), recipe.noise_seed)


def test_a_lone_thing_is_all_there_and_its_box_is_its_extent() -> None:
    found = truth(by_hand([Thing(20.3, 40.8, 3.0, 4.0)]))
    assert found.visible.tolist() == [[1, 1]]
    assert found.boxes[0, 0] == pytest.approx([16.3, 36.8, 24.3, 44.8], abs=1e-4)
    assert found.position[0, 1] == pytest.approx([(20.3 - 32) * 3 / 64, (40.8 - 32) * 3 / 64, 3.0], abs=1e-5)
    assert found.counts.all() and not found.ignored.any()


def test_a_sphere_that_half_covers_another_hides_their_common_lens() -> None:
    found = truth(by_hand([Thing(30, 30, 4.0, 5.0), Thing(34.2, 30, 3.0, 5.0)]))
    lens = 2 * 25 * np.arccos(4.2 / 10) - 4.2 / 2 * np.sqrt(100 - 4.2**2)
    assert found.visible[0, 0] == pytest.approx(1 - lens / (25 * np.pi), abs=0.02)
    assert found.visible[1, 0] == 1
    assert found.boxes[0, 0] == pytest.approx([25, 25, 35, 35], abs=1e-4)


def test_squares_cover_exactly() -> None:
    """Squares of equal area are sqrt(pi) r wide: with r = 8 / sqrt(pi) they fill whole pixels."""
    radius = 8 / np.sqrt(np.pi)
    far = Thing(20, 20, 5.0, radius, shape=Shape.SQUARE)
    half = Thing(24, 20, 3.0, radius, shape=Shape.SQUARE)
    quarter = Thing(24, 24, 2.0, radius, shape=Shape.SQUARE)
    found = truth(by_hand([far, half], [far, quarter], [far, half, quarter], [far, Thing(20, 20, 4, 2 * radius)]))
    assert found.visible[:, 0] == pytest.approx([0.5, 1, 0.75, 1, 0.5, 0.5, 1, 0, 1], abs=1e-5)
    assert found.boxes[7].tolist() == [[0, 0, 0, 0]] * 2, "what is hidden has no box"
    assert found.counts[:, 0].tolist() == [True] * 7 + [False, True]


def test_the_border_cuts_share_and_box() -> None:
    radius = 8 / np.sqrt(np.pi)
    found = truth(by_hand([Thing(0, 20, 3, radius, shape=Shape.SQUARE), Thing(64, 64, 3, radius, shape=Shape.SQUARE),
                           Thing(80, 20, 3, radius)]))  # fmt: skip
    assert found.visible[:, 0] == pytest.approx([0.5, 0.25, 0], abs=1e-5)
    assert found.boxes[:, 0] == pytest.approx(np.array([[0, 16, 4, 24], [60, 60, 64, 64], [0, 0, 0, 0]]), abs=1e-4)


def test_less_than_a_quarter_is_ignored_and_clutter_never_counts() -> None:
    radius = 8 / np.sqrt(np.pi)
    far = Thing(20, 20, 5.0, radius, shape=Shape.SQUARE)
    found = truth(by_hand(
        [far, Thing(22.08, 20, 3.0, radius, shape=Shape.SQUARE)],
        [far, Thing(21.92, 20, 3.0, radius, shape=Shape.SQUARE)],
        [Thing(20, 20, 5.0, radius, kind=CLUTTER)],
    ))  # fmt: skip
    assert found.visible[[0, 2, 4], 0] == pytest.approx([0.26, 0.24, 1], abs=1e-5)
    assert found.ignored[:, 0].tolist() == [False, False, True, False, False]
    assert found.counts[:, 0].tolist() == [True, True, False, True, False]


def test_what_is_not_drawn_is_not_seen_and_hides_nothing() -> None:
    found = truth(by_hand([Thing(30, 30, 4.0, 5.0), Thing(30, 30, 3.0, 9.0, frames=(1,))]))
    assert found.visible.tolist() == [[1, 0], [0, 1]]


def test_no_objects_are_no_trouble() -> None:
    assert truth(by_hand([])).visible.shape == (0, 2)


def brute_force(recipe: SceneRecipe) -> np.ndarray:
    """Visible shares by whole pictures: every sprite times what the nearer ones of its frame let through."""
    drawn = sprites(recipe)
    size = recipe.window.size_px
    share = np.zeros((len(recipe.clip), recipe.window.frames))
    for clip in range(len(recipe)):
        for frame in range(recipe.window.frames):
            free = np.ones((size, size), np.float32)
            for index in np.flatnonzero((recipe.clip[drawn.row] == clip) & (drawn.frame == frame))[::-1]:
                row = drawn.row[index]
                mask = coverage(recipe.shape[[row]], drawn.pixels[[index]], drawn.radius[[index]], size)[0]
                share[row, frame] = (mask * free).sum() / (np.pi * drawn.radius[index] ** 2)
                free *= 1 - mask
    return share


@pytest.mark.parametrize(("name", "tier"), [("objects", "transient_heavy"), ("persistence", "clutter")])
def test_visible_shares_equal_whole_pictures(name: str, tier: str) -> None:
    recipe = scenes(name, tier, clips=4)
    assert truth(recipe).visible == pytest.approx(brute_force(recipe), abs=2e-3)


def test_an_object_is_in_the_truth_in_exactly_the_frames_whose_pixels_show_it() -> None:
    """Taking an object away changes a frame if and only if the truth says that it was seen there."""
    behind, before = Thing(30, 30, 5.0, 3.0, (255, 0, 0)), Thing(30.4, 30.4, 3.0, 5.0, (0, 0, 255), frames=(1,))
    check_by_removal(by_hand([behind, before], [before, Thing(34, 31, 3.5, 4.0, (0, 255, 0))]))
    check_by_removal(scenes(clips=2, seed=5))


def check_by_removal(recipe: SceneRecipe) -> None:
    found, whole = truth(recipe), render(recipe)
    for row in range(len(recipe.clip)):
        clip = recipe.clip[[row]]
        shown = recipe.shown.copy()
        shown[row] = 0
        without = render(recipe.replace(shown=shown).take(clip))[0]
        change = np.abs(without.astype(int) - whole[clip[0]]).max(axis=(1, 2, 3))
        assert (change[found.visible[row] > 0.02] > 1).all(), "seen, but no pixel shows it"
        assert (change[found.visible[row] == 0] <= 1).all(), "not seen, but a pixel shows it"


def test_a_larger_picture_has_the_same_truth_and_needs_no_more_memory_than_some_pictures() -> None:
    small, large = (scenes(clips=2, size_px=size) for size in (64, 2048))
    tracemalloc.start()
    fine = truth(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6, "bytes"
    coarse = truth(small)
    assert fine.visible == pytest.approx(coarse.visible, abs=0.1)
    seen = (fine.visible > 0) & (coarse.visible > 0)
    assert fine.boxes[seen] / 32 == pytest.approx(coarse.boxes[seen], abs=1e-3)


def test_truth_does_not_depend_on_what_else_is_asked() -> None:
    recipe = scenes(clips=5)
    rows = np.array([3, 1])
    part, whole = truth(recipe.take(rows)), truth(recipe)
    chosen = np.concatenate([np.flatnonzero(recipe.clip == row) for row in rows])
    for name in ("boxes", "visible", "position", "counts", "ignored"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[chosen])


def test_whatever_is_seen_is_seen_by_more_than_a_grey_level() -> None:
    recipe = scenes(clips=6)
    seen = truth(recipe).visible
    assert seen[seen > 0].min() > LEAST_SEEN_PX / 100 and seen.max() <= 1
