"""Motion that turns: for objects that circle, far from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.objects.kalman import CENTRE, SIZE, VELOCITY, State

TURN, HITS = slice(6, 8), 8
"""What these rows of a state are here: the factor from one step to the next, and the hits so far."""


@dataclass(frozen=True)
class Turning:
    """A step is the one before, turned and stretched as that was: exact for a circle that is seen face on.

    Steps are complex numbers, so the factor between two of them is a quotient. Measured centres are believed as they
    are, for steps this long leave little to smooth.
    """

    gain: float = 0.3
    """How much of a change of the factor is believed at once."""
    stretch: float = 1.6
    """A step is at most so many times as long as the one before, or as short."""
    size_gain: float = 0.3
    """How much of a change of size is believed at once."""

    def begin(self, state: State) -> None:
        state[TURN.start], state[HITS] = 1, 1

    def predict(self, state: State) -> None:
        _put(state, VELOCITY, _complex(state, VELOCITY) * _complex(state, TURN))
        state[CENTRE] += state[VELOCITY]

    def correct(self, state: State, seen: State) -> None:
        factor, predicted = _complex(state, TURN), _complex(state, VELOCITY)
        step = predicted + _complex(seen, slice(0, 2)) - _complex(state, CENTRE)
        before = predicted / factor
        moved = (state[HITS] >= 2) & (np.abs(before) > 0)
        seen_factor = np.divide(step, before, out=np.ones_like(step), where=moved)
        length = np.clip(np.abs(seen_factor), 1 / self.stretch, self.stretch)
        seen_factor = length * np.exp(1j * np.angle(seen_factor))
        gain = np.where(state[HITS] >= 3, self.gain, 1.0)
        _put(state, TURN, np.where(moved, factor + gain * (seen_factor - factor), factor))
        _put(state, VELOCITY, step)
        state[CENTRE] = seen[:2]
        state[SIZE] += self.size_gain * (seen[2:] - state[SIZE])
        state[HITS] += 1


def _complex(state: State, rows: slice) -> NDArray[np.complex128]:
    across, down = state[rows]
    return across + 1j * down


def _put(state: State, rows: slice, values: NDArray[np.complex128]) -> None:
    state[rows] = values.real, values.imag
