"""Gaussian pixel noise, reproducible: a clip's noise depends on its own seed alone, not on batch, buffer or process.

A table of 65,536 quantiles turns each 16-bit word into a normal deviate (to the rounding of a pixel exact, tails to
4.3 sigma). Two modes differ in where the words come from:

    exact   fresh random bits for every pixel; no two pixels share anything. Ten times faster than drawing normals
    bank    windows of one bank of 67 x 12,288 deviates that all clips share; fifty times faster. In a clip of up to 67
            windows (64 frames of 64 x 64) no two pixels show the same deviate of the bank, and none repeats in place;
            longer clips draw again every 67 windows. Mean and deviation of the bank are those of the level within 0.2 %
            of sigma. Two clips may show the same stretch in different places: a network could learn the bank by heart,
            so this is for speed, not for figures that are published
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from renderer.errors import RendererError

LEVELS = (0.005, 0.01, 0.02, 0.03, 0.05)
"""Noise levels of augmented data."""
TRAINING_LEVELS = (*LEVELS, 0.08, 0.12)
"""Mixed in training: trained at 0.02 alone, models fail at 0.10."""
MAX_SIGMA = 10.0
"""Ten times the range of a pixel; its deviates still fit into 16 bits."""
WINDOW = 3 * 64 * 64
"""Deviates of one window: a frame of 64 x 64."""
WINDOWS = 67
"""A prime, so that every stride from 1 to 66 visits all windows before it meets one again."""
_BANK = np.uint64(WINDOWS * WINDOW)
_BANK_SEED = 20_261_129
_WORDS = 65536
_PIXELS_AT_ONCE = 32768
_WINDOWS_AT_ONCE = 32


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.float64]:
    normal = NormalDist()
    upper = np.array([normal.inv_cdf((index + 0.5) / _WORDS) for index in range(_WORDS // 2, _WORDS)])
    return np.concatenate([-upper[::-1], upper])


@lru_cache(maxsize=16)
def _table(sigma: float) -> NDArray[np.int16]:
    """Return the 65,536 rounded deviates, in pixel values, of noise with `sigma` (of 1.0)."""
    return np.rint(_quantiles() * sigma * 255).astype(np.int16)


def _exact(size: int, sigma: float, seed: int) -> Iterator[NDArray[np.int16]]:
    bits, table = np.random.SFC64(seed), _table(sigma)
    for begin in range(0, size, _PIXELS_AT_ONCE):
        count = min(_PIXELS_AT_ONCE, size - begin)
        words = bits.random_raw((count + 3) // 4).astype("<u8", copy=False).view("<u2")
        yield table.take(words[:count])


@lru_cache(maxsize=16)
def _windows(sigma: float) -> NDArray[np.int16]:
    """Return the bank of a level as the windows (67 x 12,288, 12,288) that start at each of its deviates, circular."""
    bank = np.concatenate(list(_exact(int(_BANK), sigma, _BANK_SEED)))
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([bank, bank[: WINDOW - 1]]), WINDOW)


def bank_places(size: int, seed: int) -> NDArray[np.int64]:
    """Return where in the bank the windows of `size` pixels start: 67 at a time from one place, by one stride."""
    rounds = -(-size // int(_BANK))
    start, stride = np.random.SFC64(seed).random_raw(2 * rounds).reshape(rounds, 2, 1).transpose(1, 0, 2)
    order = (stride % np.uint64(WINDOWS - 1) + np.uint64(1)) * np.arange(WINDOWS, dtype=np.uint64) % np.uint64(WINDOWS)
    place = (start % _BANK + order * np.uint64(WINDOW)) % _BANK
    return place.astype(np.int64).reshape(-1)[: -(-size // WINDOW)]


def _from_bank(size: int, sigma: float, seed: int) -> Iterator[NDArray[np.int16]]:
    windows, place = _windows(sigma), bank_places(size, seed)
    for begin in range(0, len(place), _WINDOWS_AT_ONCE):
        yield windows[place[begin : begin + _WINDOWS_AT_ONCE]].reshape(-1)[: size - begin * WINDOW]


MODES: dict[str, Callable[[int, float, int], Iterator[NDArray[np.int16]]]] = {"exact": _exact, "bank": _from_bank}
"""(size, sigma, seed) -> `size` deviates in pixel values, some at a time so that they stay in cache."""


def add_noise(clip: NDArray[np.uint8], sigma: float, seed: int, mode: str = "exact") -> None:
    """Add noise to a C-contiguous clip in place, clipped to 0..255. Raises `RendererError` for an unknown mode
    and for a `sigma` (of 1.0) outside 0 to `MAX_SIGMA`.
    """
    if mode not in MODES:
        raise RendererError(f"no noise {mode!r}", hint=f"known: {', '.join(MODES)}")
    if not 0 <= sigma <= MAX_SIGMA:
        raise RendererError(f"noise cannot be {sigma:g}: a number from 0 to {MAX_SIGMA:g} is needed")
    if sigma == 0:
        return
    flat, begin = clip.reshape(-1), 0
    for value in MODES[mode](flat.size, round(float(sigma), 6), seed):
        part = flat[begin : begin + len(value)]
        value += part
        np.clip(value, 0, 255, out=value)
        part[...] = value
        begin += len(value)
