"""Sprites in pictures: close to the exact reference, cut at borders, layered, the same whatever else is drawn."""

import tracemalloc

import numpy as np
import pytest

from renderer.atlas import LEAST_RADIUS_PX, RADIUS_STEP, SIDES_PX, atlas
from renderer.patches import sides
from renderer.raster import draw
from renderer.shapes import Shape, coverage, reach
from renderer.trails import TRAIL_FADE, TRAIL_LENGTH, draw_trails

WHITE = (255, 255, 255)


def canvas(clips: int = 1, frames: int = 1, side: int = 64) -> np.ndarray:
    return np.zeros((clips, frames, 3, side, side), np.uint8)


def put(out: np.ndarray, x: float, y: float, radius: float, colour: tuple = WHITE, **options: object) -> None:
    zero = np.zeros(1, np.int64)
    draw(out, zero, zero, np.array([[x, y]]), np.array([radius]), np.array([colour], np.uint8), **options)


def reference(x: float, y: float, radius: float, shape: Shape = Shape.SPHERE, side: int = 64) -> np.ndarray:
    """The whole picture by exact areas, 0..255."""
    return coverage(np.array([shape]), np.array([[x, y]]), np.array([radius]), side)[0].astype(float) * 255


def drawn_as_white(places: np.ndarray, radius: np.ndarray, shape: Shape = Shape.SPHERE, side: int = 64) -> np.ndarray:
    """One sprite a clip; the red channel (m, side, side)."""
    index = np.arange(len(places))
    out = canvas(len(places), 1, side)
    white = np.full((len(places), 3), 255, np.uint8)
    draw(out, index, index * 0, places, radius, white, shape=np.full(len(places), shape))
    return out[:, 0, 0]


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (2.0, 3.0), (3.0, 7.0), (7.0, 20.0)])
def test_area_is_right_within_two_percent(shape: Shape, low: float, high: float) -> None:
    rng = np.random.default_rng(1)
    radius = rng.uniform(low, high, 300)
    light = drawn_as_white(rng.uniform(31, 33, (300, 2)), radius, shape).astype(float).sum(axis=(1, 2)) / 255
    error = light / (np.pi * radius**2) - 1
    assert np.abs(error).max() < (0.02 if low >= 2 else 0.03)
    assert abs(error.mean()) < 0.003


def test_the_centre_of_light_is_the_centre_given() -> None:
    """Pixel centres lie at integer + 0.5; discs of 2 to 3 px are off by 0.03 px at most."""
    rng = np.random.default_rng(2)
    places = rng.uniform(10, 54, (2000, 2))
    light = drawn_as_white(places, rng.uniform(2, 3, 2000)).astype(float)
    grid = np.arange(64) + 0.5
    mass = light.sum(axis=(1, 2))
    centre = np.stack([(light.sum(axis=1) * grid).sum(axis=1), (light.sum(axis=2) * grid).sum(axis=1)]) / mass
    error = np.hypot(*(centre.T - places).T)
    assert error.max() < 0.03 and error.mean() < 0.012


def test_single_pixels() -> None:
    out = canvas()
    put(out, 20.5, 30.5, 2.5, (255, 120, 60))
    assert out[0, 0, :, 30, 20].tolist() == [255, 120, 60]
    edge = reference(20.5, 30.5, 2.5)[30, 18]
    assert out[0, 0, 0, 30, 18] == pytest.approx(edge, abs=3) and out[0, 0, 0, 30, 17] <= 3
    light = out[0, 0].astype(int)
    assert light.sum() - light[:, 28:33, 18:23].sum() < 40
    assert np.array_equal(light[0, 27:34, 17:24], light[0, 27:34, 17:24].T)
    assert np.array_equal(light[0, 27:34, 17:24], light[0, 27:34, 17:24][::-1])


@pytest.mark.parametrize("side", SIDES_PX)
@pytest.mark.parametrize("shape", Shape)
def test_the_atlas_is_the_exact_reference_at_its_own_places_and_radii(shape: Shape, side: int) -> None:
    rng = np.random.default_rng(3)
    table, kind = atlas(side), np.full(12, shape)
    largest = (side - 1) / 2 / reach(kind, np.ones(12))
    middle_of_step = (rng.integers(1, np.log(largest / LEAST_RADIUS_PX) / RADIUS_STEP - 1) + 0.5) * RADIUS_STEP
    radius = LEAST_RADIUS_PX * np.exp(middle_of_step)
    phase = rng.integers(0, table.steps, (12, 2))
    exact = np.rint(coverage(kind, side / 2 - 0.5 + phase / table.steps, radius, side) * 255)
    assert np.abs(table.alpha(kind, radius, phase) - exact).max() <= 1


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("radius", [0.1, 0.4, 2.4, 3.4, 6.0, 9.0, 25.0])
def test_every_patch_size_is_close_to_the_reference_also_across_borders(radius: float, shape: Shape) -> None:
    """Steps of 1/40 px and 1 % may move an edge by 1/80 px and half a percent of the radius, in each direction."""
    rng = np.random.default_rng(4)
    places = np.concatenate([rng.uniform(-5, 69, (8, 2)), [[0.5, 0.5], [63.5, 63.5], [32, 0], [0, 32], [63.9, 1.2]]])
    drawn = drawn_as_white(places, np.full(len(places), radius), shape)
    steps = 20 if sides(np.array([shape]), np.array([radius]))[0] == 16 else 40
    bound = 1 if sides(np.array([shape]), np.array([radius]))[0] > 16 else 255 * (1.5 / steps + 0.008 * radius) + 2
    for (x, y), picture in zip(places, drawn, strict=True):
        assert np.abs(picture - reference(x, y, radius, shape)).max() <= bound, (x, y)


@pytest.mark.parametrize("blend", ["replace", "max", "over"])
@pytest.mark.parametrize("radius", [2.4, 3.6, 9.0])
def test_cutting_at_the_border_equals_cropping_a_larger_picture(radius: float, blend: str) -> None:
    rng = np.random.default_rng(5)
    places = rng.uniform(-4, 68, (200, 2))
    places[:100, 0] = np.where(rng.random(100) < 0.5, rng.uniform(-4, 4, 100), rng.uniform(60, 68, 100))
    colour = rng.integers(0, 256, (200, 3)).astype(np.uint8)
    large, small = canvas(200, 1, 128), canvas(200)
    if blend != "replace":
        large[:] = rng.integers(0, 256, large.shape)
        small[:] = large[..., 32:96, 32:96]
    index, radii = np.arange(200), np.full(200, radius)
    draw(large, index, index * 0, places + 32, radii, colour, blend=blend)
    draw(small, index, index * 0, places, radii, colour, blend=blend)
    assert np.array_equal(small, large[..., 32:96, 32:96])


def test_pictures_that_are_no_whole_words_or_smaller_than_a_patch() -> None:
    """Words of eight pixels and single pixels give the same picture."""
    for side, radius in [(20, 2.5), (21, 5.0), (13, 9.0), (8, 20.0)]:
        large, small = canvas(1, 2, 64), canvas(1, 2, side)
        for out, shift in ((large, 20), (small, 0)):
            place = np.array([[side - 3.3 + shift, 2.2 + shift]])
            one = np.ones(1, np.int64)
            draw(out, one - 1, one, place, np.array([radius]), np.array([[200, 100, 50]], np.uint8))
        assert np.array_equal(small, large[..., 20 : 20 + side, 20 : 20 + side])


def test_a_sprite_far_outside_changes_nothing() -> None:
    out = canvas()
    for x in (-1e9, -40.0, 200.0, 1e12, 1e30):
        put(out, x, 30, 3)
    assert not out.any()


def test_max_keeps_the_brighter() -> None:
    out = canvas()
    put(out, 30, 30, 3, (100, 100, 100), blend="max")
    before = out.copy()
    put(out, 33, 30, 3, (200, 200, 200), blend="max")
    assert (out >= before).all() and out[0, 0, 0, 30, 33] == 200 and out[0, 0, 0, 30, 28] == 100


def test_over_hides_what_is_behind_and_lets_it_through_at_the_edge() -> None:
    """A dark sprite in front of a bright one; with `max` it would vanish."""
    out = canvas()
    put(out, 30, 30, 6, (250, 200, 150))
    put(out, 30, 30, 3, (10, 20, 30), blend="over")
    assert out[0, 0, :, 30, 30].tolist() == [10, 20, 30] and out[0, 0, :, 26, 30].tolist() == [250, 200, 150]
    share = reference(30, 30, 3) / 255
    mixed = share * 10 + (1 - share) * 250
    assert np.abs(out[0, 0, 0, 26:34, 26:34] - mixed[26:34, 26:34]).max() < 12


def test_the_order_of_layers_matters_only_where_they_meet() -> None:
    red, blue = (30.0, 30.0, 4.0, (255, 0, 0)), (34.0, 30.0, 4.0, (0, 0, 255))
    pictures = []
    for order in ((red, blue), (blue, red)):
        out = canvas()
        for x, y, radius, colour in order:
            put(out, x, y, radius, colour, blend="over")
        pictures.append(out[0, 0].astype(int))
    apart = np.abs(pictures[0] - pictures[1]).max(axis=0) > 0
    both = (reference(30, 30, 4.1) > 0) & (reference(34, 30, 4.1) > 0)
    assert apart.any() and not (apart & ~both).any()
    assert pictures[0][2, 30, 32] == 255 and pictures[1][0, 30, 32] == 255


def test_sprites_of_one_call_land_in_their_own_frames() -> None:
    out = canvas(2, 3)
    clip, frame = np.array([0, 1, 1]), np.array([2, 0, 1])
    draw(out, clip, frame, np.full((3, 2), 30.0), np.array([2.0, 3.0, 5.0]), np.full((3, 3), 255, np.uint8))
    assert out.any(axis=(2, 3, 4)).tolist() == [[False, False, True], [True, True, False]]


def test_a_sprite_is_the_same_whatever_is_drawn_with_it() -> None:
    rng = np.random.default_rng(6)
    radius, shape = rng.uniform(0.1, 12, 3000), rng.integers(0, 4, 3000)
    places, colour = rng.uniform(-3, 35, (3000, 2)), rng.integers(0, 256, (3000, 3)).astype(np.uint8)
    whole = canvas(3000, 1, 32)
    index = np.arange(3000)
    draw(whole, index, index * 0, places, radius, colour, shape=shape)
    for row in rng.choice(3000, 25, replace=False):
        one = canvas(1, 1, 32)
        put(one, *places[row], radius[row], colour[row], shape=shape[[row]])
        assert np.array_equal(one[0], whole[row])


@pytest.mark.parametrize(("side", "length"), [(64, TRAIL_LENGTH), (64, 1), (24, 3)])
def test_trails_are_one_layer_for_every_age_on_black(side: int, length: int) -> None:
    rng = np.random.default_rng(8)
    clips, frames = np.array([3, 0, 5]), 12
    pixels = np.cumsum(rng.normal(0, 2, (3, frames, 2)), axis=1) + side / 2
    radius = np.linspace(1.5, 4.5, frames) + rng.uniform(0, 3, (3, 1)) * (np.arange(3) == 2)[:, None]
    colour = rng.integers(100, 256, (3, 3)).astype(np.uint8)
    fast = np.full((6, frames, 3, side, side), 77, np.uint8)
    draw_trails(fast, clips, pixels, radius, colour, length)
    slow = canvas(6, frames, side)
    for age in range(length):
        row, frame = (part.ravel() for part in np.indices((3, frames - age)))
        faded = np.rint(colour * TRAIL_FADE**age).astype(np.uint8)[row]
        draw(slow, clips[row], frame + age, pixels[row, frame], radius[row, frame], faded, blend="max")
    assert np.array_equal(fast[clips], slow[clips])
    assert (fast[[1, 2, 4]] == 77).all()


def test_each_older_dot_of_a_trail_is_a_quarter_darker_and_the_ninth_is_gone() -> None:
    out, frames = canvas(1, 10), np.arange(10)
    path = np.stack([6 * frames + 4.5, np.full(10, 30.5)], axis=1)[None]
    draw_trails(out, np.zeros(1, np.int64), path, np.full((1, 10), 2.5), np.array([[200, 100, 0]], np.uint8))
    ages = 9 - frames
    faded = np.where(ages < 8, np.rint(200 * 0.75**ages), 0)
    assert out[0, 9, 0, 30, 6 * frames + 4].tolist() == faded.tolist()
    assert np.abs(out[0, 9, 1, 30, 6 * frames + 4] - faded / 2).max() <= 1 and not out[0, :, 2].any()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="C-contiguous"):
        put(canvas(1, 4)[:, ::2], 30, 30, 2)
    for x, radius in ((np.nan, 2.0), (30.0, 0.0), (30.0, -1.0), (30.0, 257.0), (30.0, np.inf), (30.0, np.nan)):
        with pytest.raises(ValueError, match="finite place, and a radius above 0"):
            put(canvas(), x, 30, radius)


def test_a_sprite_far_larger_than_the_picture_costs_no_more_than_the_picture() -> None:
    side, radius = 512, np.array([[2000.0, 1900.0]])
    out, one = canvas(1, 2, side), np.zeros(1, np.int64)
    tracemalloc.start()
    put(out, -1900.0, 200, 2000.0)
    single = out[0, 0].copy()
    draw_trails(out, one, np.array([[[-1900.0, 200], [2200, 300]]]), radius, np.full((1, 3), 255, np.uint8), 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * side**2, "bytes; a patch of the whole sprite has 67 million pixels"
    assert np.array_equal(out[0, 0], single)
    assert single[0, 200].nonzero()[0].tolist() == list(range(100)), "x = 100 is its right end"
    assert np.abs(out[0, 1, 0] - reference(2200, 300, 1900, side=side)).max() <= 1


def test_nothing_to_draw_is_drawn() -> None:
    out, none = canvas(), np.zeros(0, np.int64)
    draw(out, none, none, np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3), np.uint8))
    draw_trails(out, none, np.zeros((0, 1, 2)), np.zeros((0, 1)), np.zeros((0, 3), np.uint8))
    assert not out.any()
