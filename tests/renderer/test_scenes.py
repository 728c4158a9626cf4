"""Scene recipes: the same bytes always, depth order, paths in view, held-out tests, size on disk."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from renderer.catalogue import DATASETS, Wanted, make
from renderer.errors import RendererError, SamplingError
from renderer.motion import Motion
from renderer.objects import OBJECT_TIERS, STANDARD
from renderer.placing import PathLaw, place, resized, slowed
from renderer.recipe import read_recipe
from renderer.sampling import MARGIN, Window, draw_cameras
from renderer.scenes import CLUTTER, Persistence, SceneRecipe
from renderer.shapes import Shape
from renderer.sprites import sprites
from renderer.tiers import MEDIUM
from renderer.truth import truth
from renderer.video import render
from tests.renderer.by_hand import Thing, by_hand

NAMES = ("objects", "persistence")
ALL = [(name, tier) for name in NAMES for tier in DATASETS[name].tiers]
TESTS = ("shifted-camera", "shifted-motion", "noisy")
RED, BLUE = (255, 0, 0), (0, 0, 255)
DIGESTS = {
    ("objects", "standard"): "9eb2880e36e87b82",
    ("objects", "easy"): "89435cf724efab3f",
    ("objects", "transient_heavy"): "3960d18d986ac873",
    ("objects", "fast"): "f89a396289d8fb47",
    ("persistence", "matched"): "1a641da075d2e140",
    ("persistence", "easy"): "f1f5656ffe596925",
    ("persistence", "clutter"): "7b74a34ac439fc8a",
    ("persistence", "shape-motion"): "f1919c381d7628ed",
}


@cache
def scenes(name: str, tier: str = "", clips: int = 24, seed: int = 7, test: str = "", **options: Any) -> SceneRecipe:
    data = DATASETS[name]
    recipe = make(Wanted(name, tier or data.tiers[0], clips, seed, data.frames[0], **options), test).recipe
    assert isinstance(recipe, SceneRecipe)
    return recipe


@pytest.mark.parametrize(("name", "tier"), ALL)
def test_golden_digests(name: str, tier: str) -> None:
    """The same seed gives the same recipe for ever; a change here is a new data set."""
    assert scenes(name, tier).digest()[:16] == DIGESTS[name, tier]


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_files_and_others_do_not(name: str) -> None:
    first = scenes(name).to_bytes()
    scenes.cache_clear()
    assert scenes(name).to_bytes() == first
    assert scenes(name, seed=8).digest() != scenes(name).digest()
    assert len(set(scenes(name).noise_seed.tolist())) == 24
    read = read_recipe(first)
    assert type(read) is type(scenes(name)) and read.digest() == scenes(name).digest()


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_is_the_same_bytes_in_any_batch_and_selection(name: str) -> None:
    recipe = scenes(name, clips=70)
    whole = render(recipe)
    rows = np.array([66, 3, 3, 41])
    assert np.array_equal(render(recipe.take(rows)), whole[rows])
    assert np.array_equal(render(recipe.take(rows[::-1]).take(np.array([0]))), whole[[41]])
    assert np.array_equal(render(recipe.take(np.zeros(0, np.int64))), whole[:0])
    assert (
        recipe.take(rows).identity.tolist()
        == np.concatenate([recipe.identity[recipe.clip == row] for row in rows]).tolist()
    )


def test_the_nearer_hides_the_farther_whatever_their_order() -> None:
    far, near = Thing(30, 30, 4.0, 6.0, RED), Thing(33, 30, 2.0, 6.0, BLUE)
    for pair in ([far, near], [near, far]):
        frame = render(by_hand(pair))[0, 0]
        assert frame[:, 30, 30].tolist() == [0, 0, 255], "both are here: the nearer is seen"
        assert frame[:, 30, 25].tolist() == [255, 0, 0], "only the farther reaches here"
    other = render(by_hand([Thing(30, 30, 2.0, 6.0, RED), Thing(33, 30, 4.0, 6.0, BLUE)]))[0, 0]
    assert other[:, 30, 30].tolist() == [255, 0, 0]


def test_sprites_are_listed_far_to_near() -> None:
    drawn = sprites(by_hand([Thing(9, 9, 1.0, 2), Thing(9, 9, 3.0, 2), Thing(9, 9, 2.0, 2, frames=(1,))]))
    assert drawn.row.tolist() == [1, 0, 1, 2, 0]
    assert drawn.frame.tolist() == [0, 0, 1, 1, 1]
    assert drawn.layer.tolist() == [0, 1, 0, 1, 2]


def test_every_shape_is_drawn_as_bright_as_a_sphere() -> None:
    video = render(by_hand(*([Thing(32.3, 31.8, 3.0, 4.0, shape=shape)] for shape in Shape)))
    light = video[:, 0, 0].sum(axis=(1, 2)) / 255
    assert light == pytest.approx(16 * np.pi, rel=0.02)
    assert len({video[shape].tobytes() for shape in Shape}) == len(Shape)


@pytest.mark.parametrize("test", ["", *TESTS])
@pytest.mark.parametrize(("name", "tier"), ALL)
def test_all_paths_stay_in_the_picture_for_the_whole_clip(name: str, tier: str, test: str) -> None:
    recipe = scenes(name, tier, test=test)
    objects = recipe.kind != CLUTTER
    pixels = recipe.cameras.of(recipe.clip).project(recipe.camera_path())[objects]
    assert pixels.min() >= MARGIN * 64 - 1e-3 and pixels.max() <= (1 - MARGIN) * 64 + 1e-3
    assert (np.ptp(pixels, axis=1).max(axis=1) > 1).all(), "and none stands still"


def camera_angles(recipe: SceneRecipe) -> np.ndarray:
    x, y, z = recipe.position.T
    return np.degrees([np.arctan2(y, x), np.arcsin(z / np.linalg.norm(recipe.position, axis=1))])


@pytest.mark.parametrize(("name", "tier"), ALL)
def test_held_out_tests_lie_outside_what_is_trained_on(name: str, tier: str) -> None:
    trained, camera, motion, noisy = (scenes(name, tier, clips=60, test=test) for test in ("", *TESTS))
    for angle in range(2):
        assert camera_angles(camera)[angle].min() > camera_angles(trained)[angle].max()
    spins = [
        np.linalg.norm(Motion.from_array(recipe.motion[recipe.kind != CLUTTER]).rotation, axis=1)
        for recipe in (trained, motion)
    ]
    assert spins[1][spins[1] > 0].min() > spins[0].max(), "nothing turns as fast in training"
    assert noisy.noise_sigma == pytest.approx(0.1) and (trained.noise_sigma < 0.06).all()
    assert len({recipe.digest() for recipe in (trained, camera, motion, noisy)}) == 4
    assert not set(trained.noise_seed) & set(noisy.noise_seed)
    assert {recipe.noise for recipe in (trained, noisy)} == {"exact"}
    assert [scenes(name, tier, 4, test=test, noise="bank").noise for test in ("", "noisy")] == ["bank", "bank"]


def test_a_larger_picture_shows_the_same_scene() -> None:
    small, large = scenes("persistence"), scenes("persistence", size_px=128)
    assert np.array_equal(small.motion, large.motion) and render(large).shape == (24, 25, 3, 128, 128)
    one, two = sprites(small), sprites(large)
    assert two.pixels == pytest.approx(2 * one.pixels, abs=1e-6) and two.radius == pytest.approx(2 * one.radius)


@pytest.mark.parametrize(("name", "clip_bytes"), [("objects", 600), ("persistence", 260)])
def test_recipes_are_400_times_smaller_than_pixels(name: str, clip_bytes: int) -> None:
    recipe = scenes(name, clips=400)
    size = len(recipe.to_bytes()) / 400
    raw = recipe.window.frames * 3 * 64 * 64
    assert size < clip_bytes < raw / 400


def test_one_radius_for_all_so_that_size_tells_depth() -> None:
    for name, tier in ALL:
        assert len(np.unique(scenes(name, tier).radius)) == 1


def test_the_order_of_objects_says_nothing_of_their_kind() -> None:
    recipe = scenes("objects", clips=300)
    first = np.searchsorted(recipe.clip, np.arange(300))
    share = (recipe.kind == Persistence.PERSISTENT).mean()
    assert (recipe.kind[first] == Persistence.PERSISTENT).mean() == pytest.approx(share, abs=0.08)


def test_slowed_paths_are_parts_of_the_same_and_resized_ones_look_the_same_from_farther_away() -> None:
    window = Window(frames=32)
    rng = np.random.default_rng(0)
    cameras = draw_cameras(rng, 40, MEDIUM, 64)
    motion = place(rng, cameras, PathLaw(MEDIUM), window).motion
    path = Motion.from_array(motion)
    slow = Motion.from_array(slowed(motion, np.full(40, 0.25)))
    assert slow.positions(window.times_s) == pytest.approx(path.positions(window.times_s * 0.25))
    assert np.ptp(Motion.from_array(slowed(motion, np.zeros(40))).positions(window.times_s), axis=1).max() < 1e-12
    near, far = (cameras.to_camera(Motion.from_array(array).positions(window.times_s))
                 for array in (motion, resized(motion, cameras, np.full(40, 1.5))))  # fmt: skip
    assert far == pytest.approx(1.5 * near)
    assert cameras.project(far) == pytest.approx(cameras.project(near))


def test_a_camera_that_sees_no_path_whole_is_an_error_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderer.placing._MAX_ROUNDS", 20)
    rng = np.random.default_rng(0)
    near = draw_cameras(rng, 3, MEDIUM, 64)
    wide = PathLaw(OBJECT_TIERS["fast"].law.ranges, STANDARD.law.families, least_step=1000.0)
    with pytest.raises(SamplingError, match="3 of 3 paths of tier fast") as error:
        place(rng, near, wide, Window(frames=32))
    assert error.value.hint


@pytest.mark.parametrize("depth", [0.01, -3.0, np.nan])
def test_a_camera_in_an_object_or_before_it_is_an_error_with_words(depth: float) -> None:
    recipe = by_hand([Thing(30, 30, 3.0, 4.0)], [Thing(30, 30, 3.0, 4.0)])
    motion = recipe.motion.copy()
    motion[1, 0, 1] = depth
    for use in (render, truth):
        with pytest.raises(RendererError, match="no numbers" if np.isnan(depth) else "behind its camera or around it"):
            use(recipe.replace(motion=motion))
    render(recipe.replace(motion=motion, shown=recipe.shown * np.array([1, 0], np.uint64)))


def test_places_tremble_about_the_path_anew_in_every_frame() -> None:
    recipe = scenes("objects", clips=200, cue="motion")
    drawn = sprites(recipe)
    path = recipe.cameras.of(recipe.clip).project(recipe.camera_path(0, recipe.window.frames))
    off = (drawn.pixels - path[drawn.row, drawn.frame]) / recipe.jitter_px[drawn.row, None]
    assert len(np.unique(recipe.jitter_px)) == 2
    assert (sprites(recipe.replace(seed=8)).pixels != drawn.pixels).all()
    assert np.abs(off.mean(axis=0)).max() < 0.03 and off.std(axis=0) == pytest.approx([1, 1], abs=0.03)
    order = np.lexsort((drawn.frame, drawn.row))
    same = np.diff(drawn.row[order]) == 0
    assert abs((off[order][1:] * off[order][:-1])[same].mean()) < 0.03


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"name": "objectz"}, "no data set 'objectz'; did you mean 'objects'"),
        ({"name": None}, "no data set None"),
        ({"clips": 2.5}, "clips cannot be 2.5: a whole number"),
        ({"clips": "4"}, "clips cannot be '4'"),
        ({"clips": True}, "clips cannot be True"),
        ({"clips": float("nan")}, "clips cannot be nan"),
        ({"seed": 1.5}, "seed cannot be 1.5"),
        ({"seed": None}, "seed cannot be None"),
        ({"clutter": 1.5}, "clutter of objects cannot be 1.5"),
        ({"clutter": 33}, "clutter of objects cannot be 33: a number from 0 to 32"),
        ({"variants": 2}, "variants of objects cannot be 2: only 1 is possible"),
        ({"frames": 16}, "objects has 32 frames, not 16"),
        ({"size_px": "64"}, "size_px cannot be '64'"),
        ({"noise": "blue"}, "no noise 'blue'"),
    ],
)
def test_wishes_that_nothing_can_fulfil_are_refused(wish: dict, words: str) -> None:
    with pytest.raises(RendererError, match=words):
        make(Wanted(**{"name": "objects", "tier": "standard", "clips": 2, "frames": 32} | wish))


def test_clips_without_objects_are_black() -> None:
    assert not render(by_hand([], [])).any()
