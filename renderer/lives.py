"""When an object is there: its birth, its length of life, its blinks, and the cutting of a life into shorter ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Whole:
    """A uniform distribution over the whole numbers low to high, both included."""

    low: int
    high: int

    def sample(self, rng: np.random.Generator, size: int) -> Ints:
        """Draw `size` values."""
        return rng.integers(self.low, self.high + 1, size)

    def contains(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Return for each value whether it is one of the numbers."""
        values = np.asarray(values)
        return np.asarray((values >= self.low) & (values <= self.high) & (values == np.rint(values)))


@dataclass(frozen=True)
class Life:
    """Law of a life: its first frame, which may lie before frame 0, and its number of frames."""

    birth: Whole
    length: Whole


def shown_bits(rng: np.random.Generator, birth: Ints, life: Ints, blink: float, frames: int) -> NDArray[np.uint64]:
    """Return the frames (m,) in which objects are drawn, frame t as bit t.

    An object is not drawn in a share `blink` of the frames of its life, but always in the first that the clip shows:
    the law of first appearances is then that of births alone.
    """
    t = np.arange(frames)
    first = np.maximum(birth, 0)[:, None]
    alive = (t >= first) & (t < (birth + life)[:, None])
    drawn = alive & ((t == first) | (rng.random(alive.shape) >= blink))
    return pack(drawn)


def pack(drawn: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return rows (m, T) of up to 64 flags as one number each, flag t as bit t."""
    return np.asarray((drawn.astype(np.uint64) << np.arange(drawn.shape[1], dtype=np.uint64)).sum(axis=1), np.uint64)


def unpack(bits: NDArray[np.uint64], frames: int) -> NDArray[np.bool_]:
    """Inverse of `pack`, (m, frames)."""
    return ((bits[:, None] >> np.arange(frames, dtype=np.uint64)) & np.uint64(1)).astype(bool)


def cut(rng: np.random.Generator, length: Ints, piece: Whole) -> tuple[Ints, Ints, Ints]:
    """Cut lives (m,) into successive pieces: the life that each piece is of, its first frame in it, its length.

    Pieces have the lengths of `piece`; a remainder shorter than that lengthens the last one.
    """
    most = -(-int(length.max(initial=0)) // piece.low)
    begin = np.cumsum(piece.sample(rng, len(length) * most).reshape(len(length), most), axis=1)
    begin = np.concatenate([np.zeros((len(length), 1), np.int64), begin], axis=1)
    whole, number = np.nonzero((begin == 0) | (begin + piece.low <= length[:, None]))
    start = begin[whole, number]
    last = np.append(whole[1:] != whole[:-1], True)[: len(whole)]
    stop = np.where(last, length[whole], np.roll(start, -1))
    return whole, start, stop - start
