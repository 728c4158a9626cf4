"""Noise: its distribution, and that it depends on its seed alone."""

import numpy as np
import pytest

from renderer.noise import add_noise


@pytest.mark.parametrize("sigma", [0.02, 0.05])
def test_noise_has_the_mean_the_deviation_and_the_shape_of_a_normal(sigma: float) -> None:
    clip = np.full((8, 3, 64, 64), 128, np.uint8)
    add_noise(clip, sigma, 7)
    error = clip.astype(float) - 128
    assert error.mean() == pytest.approx(0, abs=0.06)
    assert error.std() == pytest.approx(np.hypot(sigma * 255, 12**-0.5), rel=0.01)
    assert (error**4).mean() / (error**2).mean() ** 2 == pytest.approx(3, abs=0.1)


def test_the_same_seed_gives_the_same_noise_and_another_does_not() -> None:
    clips = [np.full((2, 3, 64, 64), 60, np.uint8) for _ in range(3)]
    for clip, seed in zip(clips, (5, 5, 6), strict=True):
        add_noise(clip, 0.02, seed)
    assert np.array_equal(clips[0], clips[1]) and not np.array_equal(clips[0], clips[2])


def test_values_are_clipped_not_wrapped() -> None:
    for level in (0, 255):
        clip = np.full((2, 3, 64, 64), level, np.uint8)
        add_noise(clip, 0.05, 1)
        assert np.abs(clip.astype(int) - level).max() < 80


def test_no_noise_changes_nothing() -> None:
    clip = np.full((2, 3, 64, 64), 9, np.uint8)
    add_noise(clip, 0.0, 1)
    assert (clip == 9).all()
