"""Paths smoothed in the world: what was seen before and after a frame tells of it too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.stereo.camera import Floats

SMOOTHERS = ("none", "average", "kalman")
REACH = 2
"""Frames to either side of a moving average."""
SWERVE = 0.01
"""Standard deviation of the acceleration that the Kalman filter expects, half-sides a frame squared."""
_UNKNOWN = 1e3
"""Variance of place and velocity before the first point."""


def smooth(how: str, position: Floats, covariance: Floats, pair: NDArray[np.int64], frame: NDArray[np.int64],
           noise_px: float) -> Floats:  # fmt: skip
    """Return smoothed positions (N, 3) of points (N, 3) with their covariance for pixels of variance 1, (N, 3, 3), of
    `pair` (N,) and `frame` (N,).

    `average` is the mean of the points up to `REACH` frames away; `kalman` a filter of constant velocity forward and
    the smoother of Rauch, Tung and Striebel (1965) back, which weighs each point by its own covariance.
    """
    if how == "none" or not len(position):
        return position
    rows, pair = np.unique(pair, return_inverse=True)
    at, shape = (pair, frame), (len(rows), int(frame.max()) + 1)
    present = np.zeros(shape, bool)
    present[at] = True
    dense = np.zeros((*shape, 3))
    dense[at] = position
    if how == "average":
        return np.asarray(_average(dense, present)[at])
    noise = np.tile(np.eye(3), (*shape, 1, 1))
    noise[at] = covariance * noise_px**2
    return np.asarray(_kalman(dense, noise, present)[at])


def _average(dense: Floats, present: NDArray[np.bool_]) -> Floats:
    frames = np.arange(dense.shape[1])
    near = (np.abs(frames[:, None] - frames) <= REACH).astype(np.float64)
    return np.asarray((near @ dense) / np.maximum(present @ near, 1)[..., None])


def _kalman(dense: Floats, noise: Floats, present: NDArray[np.bool_]) -> Floats:
    """Smooth n paths (n, T, 3) at once; a state is place and velocity, (6,)."""
    n, T = present.shape
    step = np.eye(6)
    step[:3, 3:] = np.eye(3)
    push = np.concatenate([np.eye(3) / 2, np.eye(3)]) * SWERVE
    swerve = push @ push.T
    state, spread = np.zeros((n, 6)), np.tile(np.eye(6) * _UNKNOWN, (n, 1, 1))
    states, spreads = np.empty((T, n, 6)), np.empty((T, n, 6, 6))
    for t in range(T):
        if t:
            state, spread = state @ step.T, step @ spread @ step.T + swerve
        seen = np.flatnonzero(present[:, t])
        gain = np.linalg.solve(spread[seen, :3, :3] + noise[seen, t], spread[seen, :3]).transpose(0, 2, 1)
        state[seen] += (gain @ (dense[seen, t] - state[seen, :3])[..., None])[..., 0]
        spread[seen] -= gain @ spread[seen, :3]
        states[t], spreads[t] = state, spread
    smoothed = states.copy()
    for t in range(T - 2, -1, -1):
        ahead = step @ spreads[t] @ step.T + swerve
        gain = np.linalg.solve(ahead, step @ spreads[t]).transpose(0, 2, 1)
        smoothed[t] += (gain @ (smoothed[t + 1] - states[t] @ step.T)[..., None])[..., 0]
    return smoothed[..., :3].transpose(1, 0, 2)
