"""How boxes move from frame to frame, for many tracks at once.

A track is a column of a float64 array (9, n), its rows named below; a tracker gathers and joins such arrays whole.
Centre and size in px, velocity in px a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.objects.boxes import Boxes

State = NDArray[np.float64]
VELOCITY, CENTRE, SIZE = slice(0, 2), slice(2, 4), slice(4, 6)
MOVING, SEEN = slice(0, 4), slice(2, 6)
"""Velocity and centre; centre and size, which are all that a box shows."""
VELOCITY_VARIANCE, COVARIANCE, PLACE_VARIANCE = 6, 7, 8
ROWS = 9


class MotionModel(Protocol):
    """What a tracker asks of a way to move."""

    def begin(self, state: State) -> None:
        """Complete the states of new tracks, in place: all but what was seen is zero."""
        ...

    def predict(self, state: State) -> None:
        """Move tracks on by one frame, in place."""
        ...

    def correct(self, state: State, seen: State) -> None:
        """Take in what was seen of each track (`seen_in`), in place."""
        ...


_HALF = np.eye(2) / 2
_SEEN = np.block([[_HALF, _HALF], [-np.eye(2), np.eye(2)]])
_CORNERS = np.block([[np.eye(2), -_HALF], [np.eye(2), _HALF]])


def seen_in(boxes: Boxes) -> State:
    """Return the centres and sizes of boxes (n, 4), (4, n)."""
    return _SEEN.dot(boxes.T)


def boxes_of(state: State) -> Boxes:
    """Return the boxes of states, (n, 4)."""
    return _CORNERS.dot(state[SEEN]).astype(np.float32).T


@dataclass(frozen=True)
class Still:
    """A box stays where it was seen last: the plain IoU tracker."""

    def begin(self, state: State) -> None:
        pass

    def predict(self, state: State) -> None:
        pass

    def correct(self, state: State, seen: State) -> None:
        state[SEEN] = seen


def _step() -> State:
    """Return the matrix that moves a state on by one frame, noise aside."""
    step = np.eye(ROWS)
    step[CENTRE, VELOCITY] = np.eye(2)
    step[COVARIANCE, VELOCITY_VARIANCE] = 1
    step[PLACE_VARIANCE, VELOCITY_VARIANCE:] = 1, 2, 1
    return step


_STEP = _step()


@dataclass(frozen=True)
class Kalman:
    """Centres of constant velocity (Kalman 1960), as in SORT (Bewley et al. 2016).

    Across and down are measured and disturbed alike and never mix, so one 2 x 2 covariance of place and velocity
    serves both: three numbers a track, no matrix is inverted. Sizes change slowly and are smoothed.
    """

    measured: float = 1.44
    """Variance of a measured centre, px^2."""
    place_noise: float = 0.5
    """What a frame adds to the variance of the place, px^2."""
    velocity_noise: float = 0.3
    """What a frame adds to the variance of the velocity, (px / frame)^2."""
    unknown_place: float = 5.76
    """Variance of the centre of a new track, px^2."""
    unknown_velocity: float = 9.0
    """Variance of the velocity of a new track, (px / frame)^2."""
    size_gain: float = 0.3
    """How much of a change of size is believed at once."""

    @cached_property
    def _noise(self) -> State:
        """What a frame adds to a state, (9, 1)."""
        noise = np.zeros((ROWS, 1))
        noise[PLACE_VARIANCE], noise[VELOCITY_VARIANCE] = self.place_noise, self.velocity_noise
        return noise

    def begin(self, state: State) -> None:
        state[PLACE_VARIANCE], state[VELOCITY_VARIANCE] = self.unknown_place, self.unknown_velocity

    def predict(self, state: State) -> None:
        np.add(_STEP.dot(state), self._noise, out=state)

    def correct(self, state: State, seen: State) -> None:
        error = seen - state[SEEN]
        gain = state[COVARIANCE:] / (state[PLACE_VARIANCE] + self.measured)
        moving = state[MOVING].reshape(2, 2, -1)  # a view: velocity, then centre
        moving += gain[:, None] * error[:2]
        state[SIZE] += self.size_gain * error[2:]
        state[VELOCITY_VARIANCE] -= gain[0] * state[COVARIANCE]
        np.multiply(gain, self.measured, out=state[COVARIANCE:])  # what 1 - gain of the place leaves of both
