"""Coverage is an area: right in sum and centre, sharp on pixel edges, and equal to counting many small samples."""

import numpy as np
import pytest

from renderer.shapes import OUTLINES, Shape, bounds, coverage, reach

POLYGONS = sorted(OUTLINES)


def one(shape: Shape, x: float, y: float, radius: float, side: int = 32) -> np.ndarray:
    return coverage(np.array([shape]), np.array([[x, y]]), np.array([radius]), side)[0].astype(float)


@pytest.mark.parametrize("shape", Shape)
def test_area_is_that_of_the_disc_and_the_centre_of_light_is_the_centre(shape: Shape) -> None:
    grid = np.arange(32) + 0.5
    for x, y, radius in np.random.default_rng(1).uniform([14, 14, 1.5], [18, 18, 7], (40, 3)):
        share = one(shape, x, y, radius)
        assert share.sum() == pytest.approx(np.pi * radius**2, rel=1e-6)
        assert (share.sum(axis=0) * grid).sum() / share.sum() == pytest.approx(x, abs=0.05)
        assert (share.sum(axis=1) * grid).sum() / share.sum() == pytest.approx(y, abs=0.05)


def inside(shape: Shape, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points lie in a shape of radius 1, by the even-odd rule."""
    if shape == Shape.SPHERE:
        return x * x + y * y < 1
    found = np.zeros(np.broadcast(x, y).shape, bool)
    for (x0, y0), (x1, y1) in zip(OUTLINES[shape], np.roll(OUTLINES[shape], -1, axis=0), strict=True):
        if y0 != y1:
            found ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return found


@pytest.mark.parametrize("shape", Shape)
def test_coverage_equals_counting_samples(shape: Shape) -> None:
    fine = 40
    for x, y, radius in [(6.3, 5.9, 2.2), (5.5, 6.5, 3.1), (1.0, 11.2, 2.7), (6.0, 6.0, 0.3)]:
        at = (np.arange(12 * fine) + 0.5) / fine
        hit = inside(shape, (at[None] - x) / radius, (at[:, None] - y) / radius)
        counted = hit.reshape(12, fine, 12, fine).mean(axis=(1, 3))
        assert np.abs(one(shape, x, y, radius, 12) - counted).max() < 0.02


def test_hard_edges_are_exact() -> None:
    """A square whose edges lie on pixel edges has no partly covered pixel."""
    half = -OUTLINES[Shape.SQUARE].min()
    share = one(Shape.SQUARE, 8.0, 6.0, 3 / half, 16)
    assert set(np.round(np.unique(share), 6).tolist()) == {0.0, 1.0}
    assert share[3:9, 5:11].min() == pytest.approx(1) and share.sum() == pytest.approx(36)


def test_a_pixel_inside_counts_fully_and_one_on_the_edge_by_half() -> None:
    half = -OUTLINES[Shape.SQUARE].min()
    share = one(Shape.SQUARE, 8.5, 8.5, 3 / half, 16)
    assert share[8, 8] == 1 and share[8, 5] == pytest.approx(0.5) and share[5, 5] == pytest.approx(0.25)
    assert share[8, 4] == 0


@pytest.mark.parametrize("shape", Shape)
def test_a_patch_is_a_window_of_a_larger_one(shape: Shape) -> None:
    whole = one(shape, 15.3, 16.8, 5.5)
    part = one(shape, 15.3 - 13, 16.8 - 11, 5.5, 8)
    assert part == pytest.approx(whole[11:19, 13:21], abs=1e-6)


@pytest.mark.parametrize("shape", Shape)
def test_bounds_are_the_box_of_what_is_covered(shape: Shape) -> None:
    radius = 5.0
    share = one(shape, 16.0, 16.0, radius)
    left, top, right, bottom = bounds(np.array([shape]), np.array([radius]))[0] + 16
    columns, rows = np.flatnonzero(share.max(axis=0) > 1e-6), np.flatnonzero(share.max(axis=1) > 1e-6)
    assert (columns[0], rows[0]) == (np.floor(left), np.floor(top))
    assert (columns[-1] + 1, rows[-1] + 1) == (np.ceil(right), np.ceil(bottom))
    assert reach(np.array([shape]), np.array([radius]))[0] == pytest.approx(
        max(16 - left, 16 - top, right - 16, bottom - 16)
    )
