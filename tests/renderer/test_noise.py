"""Noise: its distribution, that it depends on its seed alone, and that the bank never repeats where it shows."""

import subprocess
import sys
import zlib

import numpy as np
import pytest

from renderer.errors import RendererError
from renderer.noise import MAX_SIGMA, MODES, WINDOW, WINDOWS, add_noise, bank_places
from renderer.trajectories import make_recipe
from renderer.video import render


def noisy(seed: int, mode: str, sigma: float = 0.02, level: int = 128, frames: int = 16, side: int = 64) -> np.ndarray:
    clip = np.full((frames, 3, side, side), level, np.uint8)
    add_noise(clip, sigma, seed, mode)
    return clip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sigma", [0.005, 0.02, 0.05, 0.1])
def test_noise_has_the_mean_the_deviation_and_the_shape_of_a_normal(sigma: float, mode: str) -> None:
    error = noisy(7, mode, sigma).astype(float) - 128
    assert error.mean() == pytest.approx(0, abs=3 * sigma * 255 / np.sqrt(error.size) + 0.01)
    assert error.std() == pytest.approx(np.hypot(sigma * 255, 12**-0.5), rel=0.01)
    assert (error**4).mean() / (error**2).mean() ** 2 == pytest.approx(3, abs=0.1)
    assert error.mean(axis=(1, 2, 3)).std() == pytest.approx(error.std() / np.sqrt(WINDOW), rel=0.6)


@pytest.mark.parametrize("mode", MODES)
def test_neighbouring_pixels_channels_and_frames_are_independent(mode: str) -> None:
    error = noisy(3, mode, 0.05).astype(float) - 128
    error /= error.std()
    for axis in range(4):
        near = np.moveaxis(error, axis, 0)
        assert abs((near[1:] * near[:-1]).mean()) < 5 / np.sqrt(error.size)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_noise_and_another_does_not(mode: str) -> None:
    clips = [noisy(seed, mode, level=60) for seed in (5, 5, 6)]
    assert np.array_equal(clips[0], clips[1]) and not np.array_equal(clips[0], clips[2])


@pytest.mark.parametrize("mode", MODES)
def test_noise_starts_the_same_in_a_shorter_clip(mode: str) -> None:
    assert np.array_equal(noisy(9, mode, frames=5), noisy(9, mode, frames=16)[:5])


@pytest.mark.parametrize("mode", MODES)
def test_values_are_clipped_not_wrapped(mode: str) -> None:
    for level in (0, 255):
        assert np.abs(noisy(1, mode, 0.05, level).astype(int) - level).max() < 80
    extremes = np.isin(noisy(1, mode, MAX_SIGMA), [0, 255])
    assert extremes.mean() == pytest.approx(1 - 1 / MAX_SIGMA / np.sqrt(2 * np.pi), abs=0.002)


@pytest.mark.parametrize("mode", MODES)
def test_no_noise_changes_nothing(mode: str) -> None:
    assert (noisy(1, mode, 0.0, 9) == 9).all()


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RendererError, match="no noise 'blue'") as caught:
        noisy(1, "blue")
    assert caught.value.hint == "known: exact, bank"


@pytest.mark.parametrize("sigma", [-0.1, np.nan, np.inf, 30.0])
def test_noise_that_cannot_be_is_refused(sigma: float) -> None:
    with pytest.raises(RendererError, match="noise cannot be"):
        noisy(1, "exact", sigma)


@pytest.mark.parametrize("frames", [16, 64])
def test_no_two_frames_of_a_clip_share_a_deviate_of_the_bank(frames: int) -> None:
    for seed in range(200):
        place = np.sort(bank_places(frames * WINDOW, seed))
        gap = np.diff(np.append(place, place[0] + WINDOWS * WINDOW))
        assert len(place) == frames and gap.min() >= WINDOW


def test_a_clip_of_all_windows_shows_every_deviate_of_the_bank_once_whatever_its_seed() -> None:
    one, other = (noisy(seed, "bank", 0.05, frames=WINDOWS).reshape(-1) for seed in (1, 2))
    assert not np.array_equal(one, other) and np.array_equal(np.bincount(one), np.bincount(other))
    assert abs(one.mean() - 128) < 0.002 * 0.05 * 255
    assert one.std() == pytest.approx(np.hypot(0.05 * 255, 12**-0.5), rel=0.002)


def test_long_clips_draw_again_before_the_bank_comes_round() -> None:
    place = bank_places(5 * WINDOWS * WINDOW + 1, 4)
    assert len(place) == 5 * WINDOWS + 1
    assert len(set(place.tolist())) == len(place)


@pytest.mark.parametrize("mode", MODES)
def test_no_frame_shows_the_noise_of_another_at_any_shift(mode: str) -> None:
    """The strongest correlation of any two frames, over all shifts, is what chance gives (five deviations)."""
    for seed in range(3):
        error = noisy(seed, mode, 0.05).reshape(16, -1).astype(float) - 128
        spectrum = np.fft.rfft(error / error.std(axis=1, keepdims=True), 2 * WINDOW)
        for frame in range(1, 16):
            match = np.fft.irfft(spectrum[:frame] * spectrum[frame].conj(), 2 * WINDOW) / WINDOW
            assert np.abs(match).max() < 6.5 / np.sqrt(WINDOW)


@pytest.mark.parametrize("mode", MODES)
def test_bytes_follow_from_the_recipe_row_alone(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the batch, the buffer and the process."""
    recipe = make_recipe("medium", 24, 3, style="both").recipe.replace(noise=mode)
    whole = render(recipe)
    clip = render(recipe.take(np.array([9])).with_noise(np.zeros(1, np.float32), np.zeros(1, np.uint64)))[0]
    add_noise(clip, float(recipe.noise_sigma[9]), int(recipe.noise_seed[9]), mode)
    assert np.array_equal(clip, whole[9])
    monkeypatch.setattr("renderer.video._CLIPS_AT_ONCE", 7)
    assert np.array_equal(render(recipe), whole)
    order = np.random.default_rng(0).permutation(24)
    dirty = np.full((5, 16, 3, 64, 64), 77, np.uint8)
    for begin in range(0, 24, 5):
        rows = order[begin : begin + 5]
        assert np.array_equal(render(recipe.take(rows), dirty[: len(rows)]), whole[rows])
    code = (
        "import sys, zlib; from renderer.recipe import read_recipe; from renderer.video import render;"
        "print(zlib.crc32(render(read_recipe(sys.stdin.buffer.read())).tobytes()))"
    )
    rows = np.arange(7, 12)
    other = subprocess.run([sys.executable, "-c", code], input=recipe.take(rows).to_bytes(), capture_output=True)
    assert int(other.stdout) == zlib.crc32(whole[rows].tobytes()), other.stderr
