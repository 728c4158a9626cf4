"""What a track is, frame by frame, in numbers that anybody can name: place, size, motion, coherence. No looks.

Parabolas are fitted to the sightings around each (least squares, as `trainer.models.extractors.statistical`): with the
sighting itself they give velocity and acceleration; without it, they say where it should have been. Where two lives
were taken for one, it is elsewhere: that is `coherence`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.objects.tracks import Track

Array = NDArray[np.float64]
GROUPS: dict[str, tuple[str, ...]] = {
    "presence": ("seen", "lives", "missed", "hits"),
    "position": ("x", "y"),
    "size": ("size", "growth"),
    "speed": ("vx", "vy", "ax", "ay", "speed"),
    "coherence": ("between", "from before", "from after", "size between"),
}
"""Columns of a track's numbers by what they are about; all are 0 in a frame without a sighting but the first three."""
COLUMNS = tuple(name for names in GROUPS.values() for name in names)
NUMBERS = len(COLUMNS)
AROUND, BESIDE = 3, 5
"""Sightings on either side of a parabola around one, and of one that ends before it or begins after it."""
UNIT_PX = 32.0
"""Half a picture of 64 px: places are in it, from -1 to 1."""
COMMON_RADIUS = 2.5 / UNIT_PX
STEP_GAIN, TURN_GAIN, SIZE_GAIN = 10.0, 40.0, 10.0
"""Bring steps, changes of steps and of log sizes a frame to about one."""
JITTER = 0.1 / UNIT_PX
"""An error of this is usual; errors count by the logarithm of how often they hold it."""
_RIDGE = np.diag([1e-9, 1e-6, 1e-4])


def numbers_of(tracks: Sequence[Track], frames: int, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Return the numbers of each track, (k, T, NUMBERS), on pictures of (height, width) `size_px`."""
    result = np.zeros((len(tracks), frames, NUMBERS), np.float32)
    for row, track in zip(result, tracks, strict=True):
        row[:, :4] = _presence(track.frames, frames)
        row[track.frames, 4:] = _sightings(track, size_px)
    return result


def _presence(seen_in: NDArray[np.int64], frames: int) -> Array:
    """Return whether it is seen, whether it lives, frames since it was seen, and hits so far, (T, 4)."""
    frame = np.arange(frames)
    hits = np.searchsorted(seen_in, frame, side="right")
    lives = (frame >= seen_in[0]) & (frame <= seen_in[-1])
    missed = np.where(hits > 0, frame - seen_in[np.maximum(hits, 1) - 1], 0)
    seen = np.isin(frame, seen_in)
    return np.stack([seen, lives, np.minimum(missed, 8) / 4, hits / 12], axis=1).astype(np.float64)


def _sightings(track: Track, size_px: tuple[int, int]) -> Array:
    """Return what is known of each sighting, (k, NUMBERS - 4)."""
    boxes = track.boxes.astype(np.float64)
    middle = np.array([size_px[1], size_px[0]]) / 2
    place = ((boxes[:, :2] + boxes[:, 2:]) / 2 - middle) / middle
    size = np.log(np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)) / 2 / middle.mean() / COMMON_RADIUS)
    path = np.concatenate([place, size[:, None]], axis=1)
    after = np.subtract.outer(np.arange(len(path)), np.arange(len(path)))
    near = np.abs(after)
    fits = [
        _parabolas(track.frames, path, chosen)
        for chosen in (
            near <= AROUND,
            (near <= AROUND) & (near > 0),
            (after > 0) & (after <= BESIDE),
            (after < 0) & (after >= -BESIDE),
        )
    ]
    _, step, turn = np.moveaxis(fits[0], 1, 0)
    errors = [path - fit[:, 0] for fit in fits[1:]]
    apart = [np.log1p(np.hypot(error[:, 0], error[:, 1]) / JITTER) / 2 for error in errors]
    return np.column_stack([
        place, size, np.tanh(step[:, 2] * SIZE_GAIN), np.tanh(step[:, :2] * STEP_GAIN / 2) * 2,
        np.tanh(2 * turn[:, :2] * TURN_GAIN / 2) * 2, np.log1p(np.hypot(step[:, 0], step[:, 1]) * STEP_GAIN),
        *apart, np.tanh(errors[0][:, 2] * SIZE_GAIN),
    ])  # fmt: skip


def _parabolas(frames: NDArray[np.int64], path: Array, chosen: NDArray[np.bool_]) -> Array:
    """Fit a parabola in time to the `chosen` (k, k) sightings of each: value, slope, half the bend there, (k, 3, D).

    A little is taken off slope and bend, so that fewer than three sightings give a line, or stand still. With none
    at all, the fit is the sighting itself: nothing is known against it.
    """
    ahead = np.subtract.outer(frames, frames).T.astype(np.float64)
    powers = ahead[:, :, None] ** np.arange(3) * chosen[:, :, None]
    normal = powers.transpose(0, 2, 1) @ powers + _RIDGE
    fit = np.linalg.solve(normal, powers.transpose(0, 2, 1) @ path)
    alone = ~chosen.any(axis=1)
    fit[alone, 0] = path[alone]
    return np.asarray(fit)
