"""Random numbers by address: value k of item n is the same whatever else is drawn, and whole arrays come at once.

SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators") as a hash of the address.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def hashed(*address: ArrayLike) -> NDArray[np.uint64]:
    """Return 64 random bits for each address; the parts (integers >= 0) broadcast against each other."""
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for part in address:
            value = (np.asarray(part).astype(np.uint64) ^ state) + _GOLDEN
            value = (value ^ (value >> np.uint64(30))) * _MIX_1
            value = (value ^ (value >> np.uint64(27))) * _MIX_2
            state = np.asarray(value ^ (value >> np.uint64(31)))
    return state


def uniform(*address: ArrayLike) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each address."""
    return np.asarray((hashed(*address) >> np.uint64(11)) * 2.0**-53, np.float64)


def normal(*address: ArrayLike) -> NDArray[np.float64]:
    """Return a standard normal deviate for each address (Box and Muller 1958)."""
    radius = np.sqrt(-2 * np.log1p(-uniform(*address, 0)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(*address, 1)), np.float64)
