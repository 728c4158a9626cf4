"""Discs: area, place, colour, borders, trails."""

import numpy as np
import pytest

from renderer.raster import draw
from renderer.shapes import coverage


def canvas(clips: int = 1, frames: int = 1) -> np.ndarray:
    return np.zeros((clips, frames, 3, 64, 64), np.uint8)


def disc(
    out: np.ndarray, x: float, y: float, radius: float, colour: tuple = (255, 255, 255), blend: str = "replace"
) -> None:
    zero = np.zeros(1, np.int64)
    draw(out, zero, zero, np.array([[x, y]]), np.array([radius]), np.array([colour], np.uint8), blend=blend)


@pytest.mark.parametrize("radius", [1.7, 2.0, 2.5, 3.0, 4.3, 7.0, 12.0])
def test_disc_area_is_right_within_two_percent(radius: float) -> None:
    rng = np.random.default_rng(1)
    areas = []
    for x, y in rng.uniform(20, 44, (60, 2)):
        out = canvas()
        disc(out, x, y, radius)
        areas.append(out[0, 0, 0].sum() / 255)
    expected = np.pi * radius**2
    assert np.mean(areas) == pytest.approx(expected, rel=0.01)
    assert np.abs(np.array(areas) / expected - 1).max() < 0.02 if radius >= 2 else True


def test_the_centre_of_light_is_the_centre_given() -> None:
    """Pixel centres lie at integer + 0.5."""
    grid = np.arange(64) + 0.5
    for x, y in np.random.default_rng(2).uniform(10, 54, (40, 2)):
        out = canvas()
        disc(out, x, y, 2.6)
        light = out[0, 0, 0].astype(float)
        assert (light * grid[None]).sum() / light.sum() == pytest.approx(x, abs=0.03)
        assert (light * grid[:, None]).sum() / light.sum() == pytest.approx(y, abs=0.03)


def test_single_pixels() -> None:
    out = canvas()
    disc(out, 20.5, 30.5, 2.5, (255, 120, 60))
    assert out[0, 0, :, 30, 20].tolist() == [255, 120, 60]
    assert out[0, 0, 0, 30, 18] == 251 and out[0, 0, 0, 30, 17] == 0
    light = out[0, 0].astype(int)
    assert light.sum() == light[:, 28:33, 18:23].sum()
    assert np.array_equal(light[0, 28:33, 18:23], light[0, 28:33, 18:23].T)


def reference(x: float, y: float, radius: float) -> np.ndarray:
    """The whole picture by one formula, without patches."""
    return np.floor(coverage(np.zeros(1, int), np.array([[x, y]]), np.array([radius]), 64)[0] * 255 + 0.5).astype(
        np.uint8
    )


@pytest.mark.parametrize("radius", [2.4, 3.4, 6.0])
def test_patches_equal_the_whole_picture_also_across_borders(radius: float) -> None:
    rng = np.random.default_rng(4)
    places = np.concatenate([rng.uniform(-5, 69, (60, 2)), [[0.5, 0.5], [63.5, 63.5], [32, 0], [0, 32], [63.9, 1.2]]])
    out = canvas(len(places))
    index = np.arange(len(places))
    colours = np.full((len(places), 3), 255, np.uint8)
    draw(out, index, index * 0, places, np.full(len(places), radius), colours)
    for row, (x, y) in enumerate(places):
        difference = np.abs(out[row, 0, 0].astype(int) - reference(x, y, radius))
        assert difference.max() <= 1, (x, y)


def test_blending_keeps_the_brighter() -> None:
    out = canvas()
    disc(out, 30, 30, 3, (100, 100, 100), blend="max")
    before = out.copy()
    disc(out, 33, 30, 3, (200, 200, 200), blend="max")
    assert (out >= before).all() and out[0, 0, 0, 30, 33] == 200 and out[0, 0, 0, 30, 28] == 100


def test_discs_of_one_call_land_in_their_own_frames() -> None:
    out = canvas(2, 3)
    clip, frame = np.array([0, 1, 1]), np.array([2, 0, 1])
    draw(out, clip, frame, np.full((3, 2), 30.0), np.array([2.0, 3.0, 5.0]), np.full((3, 3), 255, np.uint8))
    lit = out.any(axis=(2, 3, 4))
    assert lit.tolist() == [[False, False, True], [True, True, False]]


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="C-contiguous"):
        disc(canvas(1, 4)[:, ::2], 30, 30, 2)
