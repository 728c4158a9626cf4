"""How boxes move from frame to frame, for many tracks at once.

A track is a row of a float64 array (n, 9), its columns named below; a tracker cuts and joins such arrays whole. Centre
and size in px, velocity in px a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.objects.boxes import Boxes

State = NDArray[np.float64]
CENTRE, VELOCITY, SIZE = slice(0, 2), slice(2, 4), slice(4, 6)
PLACE_VARIANCE, COVARIANCE, VELOCITY_VARIANCE = 6, 7, 8
COLUMNS = 9


class MotionModel(Protocol):
    """What a tracker asks of a way to move."""

    def born(self, seen: State) -> State:
        """Return the states of tracks that begin with what was seen (`state_of`), (n, 9)."""
        ...

    def predict(self, state: State) -> None:
        """Move all tracks on by one frame, in place."""
        ...

    def correct(self, state: State, rows: NDArray[np.intp], seen: State) -> None:
        """Take in what was seen of some tracks, in place."""
        ...


def state_of(boxes: Boxes) -> State:
    """Return boxes as states at rest of no uncertainty, (n, 9)."""
    state = np.zeros((len(boxes), COLUMNS))
    np.subtract(boxes[:, 2:], boxes[:, :2], out=state[:, SIZE])
    np.add(boxes[:, 2:], boxes[:, :2], out=state[:, CENTRE])
    state[:, CENTRE] /= 2
    return state


def boxes_of(state: State) -> Boxes:
    """Return the boxes of states, (n, 4)."""
    half = state[:, SIZE] / 2
    boxes = np.empty((len(state), 4), np.float32)
    np.subtract(state[:, CENTRE], half, out=boxes[:, :2], casting="same_kind")
    np.add(state[:, CENTRE], half, out=boxes[:, 2:], casting="same_kind")
    return boxes


@dataclass(frozen=True)
class Still:
    """A box stays where it was seen last: the plain IoU tracker."""

    def born(self, seen: State) -> State:
        return seen

    def predict(self, state: State) -> None:
        pass

    def correct(self, state: State, rows: NDArray[np.intp], seen: State) -> None:
        state[rows] = seen


def _step() -> State:
    """Return the matrix that moves a state (as a row) on by one frame, noise aside."""
    step = np.eye(COLUMNS)
    step[VELOCITY, CENTRE] = np.eye(2)
    step[COVARIANCE, PLACE_VARIANCE] = 2
    step[VELOCITY_VARIANCE, PLACE_VARIANCE] = step[VELOCITY_VARIANCE, COVARIANCE] = 1
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
        """What a frame adds to a state, (9,)."""
        noise = np.zeros(COLUMNS)
        noise[PLACE_VARIANCE], noise[VELOCITY_VARIANCE] = self.place_noise, self.velocity_noise
        return noise

    def born(self, seen: State) -> State:
        state = seen.copy()
        state[:, PLACE_VARIANCE] = self.unknown_place
        state[:, VELOCITY_VARIANCE] = self.unknown_velocity
        return state

    def predict(self, state: State) -> None:
        np.add(state @ _STEP, self._noise, out=state)

    def correct(self, state: State, rows: NDArray[np.intp], seen: State) -> None:
        old = state[rows]
        error = seen[:, :PLACE_VARIANCE] - old[:, :PLACE_VARIANCE]
        gain = old[:, PLACE_VARIANCE:VELOCITY_VARIANCE] / (old[:, PLACE_VARIANCE, None] + self.measured)
        moving = old[:, : SIZE.start].reshape(-1, 2, 2)  # a view: centre, then velocity
        moving += gain[:, :, None] * error[:, None, CENTRE]
        old[:, SIZE] += self.size_gain * error[:, SIZE]
        old[:, VELOCITY_VARIANCE] -= gain[:, 1] * old[:, COVARIANCE]
        old[:, PLACE_VARIANCE:VELOCITY_VARIANCE] *= 1 - gain[:, :1]
        state[rows] = old
