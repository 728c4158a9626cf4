"""Is an object persistent? Balanced accuracy over the frames seen, per true object and per track, beside rules.

An object is decided k frames after it was first to be found: by the track that has been on it most by then (the newest
of several), so a broken track counts once; an object that none has been on is decided wrongly. A track is decided k
frames after its first box. Where the clip ends sooner, all of it was seen. Every decision carries its frame, and is
computed from a prefix that ends there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.bayes import FRAMES_SEEN
from renderer.objects import FRAMES
from renderer.scenes import Persistence
from trainer.objects.sightings import NOBODY, Meaning, Sightings
from trainer.objects.true_objects import TrueObjects

CONFIRMED = 2
"""Hits of a track that is decided as a track, as `IoUTracker` confirms it."""
Scores = NDArray[np.floating]
"""Of each track after each frame of a clip, (tracks, T): the larger, the likelier it persists; before its first box
anything.
"""


@dataclass(frozen=True)
class Clip:
    """A clip with what is true of it."""

    seen: Sightings
    meaning: Meaning
    objects: TrueObjects


@dataclass(frozen=True)
class Decisions:
    """n decisions of one clip, each after some number of frames seen."""

    k: NDArray[np.int64]
    """Frames seen, one of `FRAMES_SEEN`, (n,)."""
    who: NDArray[np.int64]
    """Number of the object in its data set, or of the track in its clip, (n,)."""
    decided_at_frame: NDArray[np.int64]
    """Frames up to this one were seen, (n,)."""
    track: NDArray[np.int64]
    """The track that decides, `NOBODY` where none does, (n,)."""
    kind: NDArray[np.int64]
    """What is true: `Persistence`, (n,)."""

    def scores(self, of_tracks: Scores) -> NDArray[np.floating]:
        """Return the score of each decision, NaN where no track decides, (n,)."""
        if not of_tracks.size:
            return np.full(len(self.k), np.nan)
        return np.where(self.track == NOBODY, np.nan, of_tracks[self.track, self.decided_at_frame])


def object_decisions(clip: Clip) -> Decisions:
    """Return what is to be decided of each true object that is to be found in some frame."""
    seen, on, rows = clip.seen, clip.meaning.object, []
    for number in np.flatnonzero(clip.objects.counts.any(axis=1)):
        first = int(clip.objects.counts[number].argmax())
        mine = np.flatnonzero(on == number)
        for k in FRAMES_SEEN:
            frame = min(first + k - 1, seen.frames - 1) if k < FRAMES else seen.frames - 1
            tracks = seen.track[mine[seen.frame[mine] <= frame]]
            count = np.bincount(tracks)
            track = len(count) - 1 - int(count[::-1].argmax()) if len(count) else NOBODY
            rows.append((k, int(clip.objects.ids[number]), frame, track, int(clip.objects.kinds[number])))
    return _decisions(rows)


def track_decisions(clip: Clip) -> Decisions:
    """Return what is to be decided of each track that is confirmed and on an object at all."""
    seen, rows = clip.seen, []
    hits = seen.hits()
    for track in np.flatnonzero((hits[:, -1] >= CONFIRMED) & (clip.meaning.track_object != NOBODY)).tolist():
        first = int((hits[track] > 0).argmax())
        for k in FRAMES_SEEN:
            frame = min(first + k - 1, seen.frames - 1) if k < FRAMES else seen.frames - 1
            rows.append((k, track, frame, track, int(clip.meaning.track_kind[track])))
    return _decisions(rows)


def _decisions(rows: Sequence[tuple[int, ...]]) -> Decisions:
    return Decisions(*np.array(rows, np.int64).reshape(-1, 5).T)


def balanced(kind: NDArray[np.int64], right: NDArray[np.bool_]) -> float:
    """Return the mean of the shares decided rightly of both kinds; NaN if one is missing."""
    shares = [right[kind == one].mean() if (kind == one).any() else np.nan for one in Persistence]
    return float(np.mean(shares))


@dataclass(frozen=True)
class Curve:
    """Figures after each of `FRAMES_SEEN`."""

    balanced: NDArray[np.float64]
    n: int
    """Objects or tracks."""


def curve(decisions: Sequence[Decisions], scores: Sequence[Scores], threshold: Callable[[int], float]) -> Curve:
    """Return the curve over clips: persistent where the score is at least the threshold of k; none is wrong."""
    k, kind, score = joined(decisions, scores)
    values = []
    for number in FRAMES_SEEN:
        own = k == number
        values.append(balanced(kind[own], _right(kind[own], score[own], threshold(number))))
    return Curve(np.array(values), int((k == FRAMES_SEEN[-1]).sum()))


def joined(decisions: Sequence[Decisions], scores: Sequence[Scores]) -> tuple[NDArray[np.int64], NDArray[np.int64],
                                                                                NDArray[np.floating]]:  # fmt: skip
    """Return k, kind and score of the decisions of all clips."""
    k, kind = (np.concatenate([getattr(one, name) for one in decisions]) for name in ("k", "kind"))
    return k, kind, np.concatenate([one.scores(own) for one, own in zip(decisions, scores, strict=True)])


def _right(kind: NDArray[np.int64], score: NDArray[np.floating], least: float) -> NDArray[np.bool_]:
    return np.where(np.isnan(score), False, (score >= least) == (kind == Persistence.PERSISTENT))


def hits_of(seen: Sightings) -> Scores:
    """Return how often each track was hit so far: the rule *hits >= h*."""
    return seen.hits().astype(np.float64)


def born_at_start(seen: Sightings) -> Scores:
    """Return 1 for tracks that were there in the first frame: the rule *born at 0*."""
    return np.repeat(seen.hits()[:, :1], seen.frames, axis=1).astype(np.float64)


def longest_of(seen: Sightings) -> Scores:
    """Return 1 for the track, or tracks, hit most so far: the rule *longest*."""
    hits = seen.hits()
    return np.asarray(hits == hits.max(axis=0, initial=1), np.float64)


def best_hits(decisions: Sequence[Decisions], scores: Sequence[Scores]) -> dict[int, float]:
    """Return for each k the least number of hits that tells the kinds apart best on these clips."""
    k, kind, hits = joined(decisions, scores)
    found = {}
    for number in FRAMES_SEEN:
        own = k == number
        worth = [balanced(kind[own], _right(kind[own], hits[own], least)) for least in range(1, FRAMES + 2)]
        found[number] = 1.0 + int(np.nan_to_num(worth).argmax())
    return found
