"""The gate before the object stage: a track that is surely transient gets no more work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from renderer.scenes import Persistence
from trainer.objects.sightings import Sightings

STATISTICS = 9
"""Numbers of a track that the gate sees."""
HIDDEN = 64
SHARP = 4.0
"""Statistics are made larger by this: kinds differ by single frames, which a few hundred steps must learn to tell."""


class TrackGate(nn.Module):
    """Statistics of tracks (..., STATISTICS) -> logits (..., 2) by `Persistence`: some 700 multiplications a track."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(STATISTICS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, len(Persistence)))

    def forward(self, statistics: Tensor) -> Tensor:
        return self.layers(SHARP * statistics)


def track_statistics(seen: Sightings, frame: int) -> NDArray[np.float32]:
    """Return what the boxes of each track tell up to a frame without being looked at, (tracks, STATISTICS): how often
    and since when it was hit, when last, how densely, how surely, how large it is, how unevenly it moves; zeros for one
    not yet seen.
    """
    rows = seen.until(frame)
    track, when = seen.track[:rows], seen.frame[:rows]
    hits = np.bincount(track, minlength=seen.tracks)
    there = hits > 0
    first, last = np.full(seen.tracks, frame), np.zeros(seen.tracks, np.int64)
    first[track[::-1]], last[track] = when[::-1], when  # of several, the one assigned last stays
    sides = (seen.boxes[:rows, 2:] - seen.boxes[:rows, :2]).mean(axis=1) / max(seen.size_px)
    each, span = np.maximum(hits, 1), np.maximum(last - first + 1, 1)
    numbers = (
        hits / 8,
        span / 8,
        (frame - last) / 8,
        (frame - first + 1) / 8,
        hits / span,
        np.bincount(track, seen.scores[:rows], seen.tracks) / each,
        np.bincount(track, 10 * sides, seen.tracks) / each,
        first == 0,
        50 * _unevenness(seen, rows),
    )
    return np.where(there[:, None], np.stack(numbers, axis=1), 0).astype(np.float32)


def _unevenness(seen: Sightings, rows: int) -> NDArray[np.float64]:
    """Return how far each track's boxes are from the straight way between the boxes before and after, root mean square
    as a share of the picture, by the first `rows` boxes; 0 for fewer than three. It tells early what is shaken.
    """
    order = np.argsort(seen.track[:rows], kind="stable")
    track, when = seen.track[order], seen.frame[order]
    centre = (seen.boxes[order, :2] + seen.boxes[order, 2:]) / (2 * max(seen.size_px))
    before, after = slice(None, -2), slice(2, None)
    inner = track[before] == track[after]
    part = (when[1:-1] - when[before]) / np.maximum(when[after] - when[before], 1)
    straight = centre[before] + part[:, None] * (centre[after] - centre[before])
    apart = ((centre[1:-1] - straight) ** 2).sum(axis=1) * inner
    count = np.maximum(np.bincount(track[before], inner, seen.tracks), 1)
    return np.sqrt(np.bincount(track[before], apart, seen.tracks) / count)
