"""How well tracks tell objects apart: purity, completeness, switches, fragmentation, MOTA, IDF1 and HOTA.

Counts of clips add up, and the figures follow from the sum. MOTA, switches and fragmentation are those of `motmetrics`
(CLEAR MOT, Bernardin and Stiefelhagen 2008), IDF1 that of Ristani et al. 2016, HOTA that of `trackeval` (Luiten et al.
2021), on the same similarities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
ALPHAS = np.arange(0.05, 0.99, 0.05)
"""Similarities from which a pair counts as found, over which HOTA is the mean."""
_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Frame:
    """What is true in a frame beside what was tracked."""

    truth: Ints
    """Ids of the objects that count, (n,), none twice."""
    tracks: Ints
    """Ids of the tracks with a box in it, (m,), none twice."""
    similarity: Floats
    """How well each object's box and each track's box agree, 0 to 1, usually their IoU, (n, m)."""


@dataclass(frozen=True)
class TrackingCounts:
    """What the figures of any number of clips are made of."""

    objects: int
    """Boxes to be found."""
    predictions: int
    """Boxes of tracks."""
    tracks: int
    pure: int
    """Boxes of tracks that lie on the object that their track lies on most often."""
    complete: int
    """Boxes of objects on which the track lies that lies on their object most often."""
    identity_hits: int
    """Boxes that agree when each object is given one track of its own, in the best way."""
    misses: int
    false: int
    switches: int
    """Times that an object goes on in another track than before."""
    fragmentations: int
    """Times that an object is lost, to be found again later."""
    hota_hits: Ints
    """Per alpha, (19,)."""
    hota_association: Floats
    """Sum over the hits of how well the whole track agrees with the whole object, per alpha, (19,)."""

    def __add__(self, other: Self) -> TrackingCounts:
        return TrackingCounts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


@dataclass(frozen=True)
class TrackingScores:
    """The figures; NaN where nothing was there to be counted."""

    purity: float
    completeness: float
    idf1: float
    mota: float
    hota: float
    det_a: float
    ass_a: float
    switches: int
    fragmentations: int
    tracks: int
    objects: int
    predictions: int


def tracking_scores(counts: TrackingCounts) -> TrackingScores:
    """Return the figures of a sum of counts."""
    every = counts.objects + counts.predictions
    errors = counts.misses + counts.false + counts.switches
    detection = counts.hota_hits / np.maximum(1, every - counts.hota_hits)
    association = counts.hota_association / np.maximum(1, counts.hota_hits)
    return TrackingScores(
        purity=_ratio(counts.pure, counts.predictions),
        completeness=_ratio(counts.complete, counts.objects),
        idf1=_ratio(2 * counts.identity_hits, every),
        mota=1 - _ratio(errors, counts.objects),
        hota=float(np.sqrt(detection * association).mean()),
        det_a=float(detection.mean()),
        ass_a=float(association.mean()),
        switches=counts.switches,
        fragmentations=counts.fragmentations,
        tracks=counts.tracks,
        objects=counts.objects,
        predictions=counts.predictions,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def count_tracking(frames: Sequence[Frame], threshold: float = 0.5) -> TrackingCounts:
    """Return the counts of one clip; but for HOTA, boxes agree from a similarity of `threshold` on."""
    truth, truth_ids = _numbered([frame.truth for frame in frames])
    tracks, track_ids = _numbered([frame.tracks for frame in frames])
    pairs = _pairs(frames, truth, tracks)
    shared = np.zeros((truth_ids, track_ids), np.int64)
    near = pairs.similarity >= threshold
    np.add.at(shared, (pairs.truth[near], pairs.track[near]), 1)
    clear = _clear(frames, truth, tracks, truth_ids, threshold)
    objects, predictions = sum(map(len, truth)), sum(map(len, tracks))
    hits, association = _hota(frames, truth, tracks, pairs)
    return TrackingCounts(
        objects=objects,
        predictions=predictions,
        tracks=track_ids,
        pure=int(shared.max(axis=0, initial=0).sum()),
        complete=int(shared.max(axis=1, initial=0).sum()),
        identity_hits=int(shared[linear_sum_assignment(shared, maximize=True)].sum()),
        misses=objects - clear.matches,
        false=predictions - clear.matches,
        switches=clear.switches,
        fragmentations=clear.fragmentations,
        hota_hits=hits,
        hota_association=association,
    )


def _numbered(ids: Sequence[Ints]) -> tuple[list[Ints], int]:
    """Return the ids of each frame as numbers 0, 1, ..., and how many there are."""
    joined = np.concatenate([np.zeros(0, np.int64), *ids])
    known, number = np.unique(joined, return_inverse=True)
    edges = np.cumsum([len(part) for part in ids])[:-1]
    return np.split(number.astype(np.int64), edges) if len(ids) else [], len(known)


@dataclass(frozen=True)
class _Pairs:
    """All pairs of an object and a track of the same frame, k in all."""

    truth: Ints
    """(k,)."""
    track: Ints
    """(k,)."""
    similarity: Floats
    """(k,)."""
    overlap: Floats
    """The similarity over all that either of the two has with anything in the frame, (k,)."""


def _pairs(frames: Sequence[Frame], truth: Sequence[Ints], tracks: Sequence[Ints]) -> _Pairs:
    first, second, similarity, either = [], [], [], []
    for frame, rows, columns in zip(frames, truth, tracks, strict=True):
        first.append(np.repeat(rows, len(columns)))
        second.append(np.tile(columns, len(rows)))
        similarity.append(frame.similarity.ravel())
        sums = frame.similarity.sum(axis=0)[None, :] + frame.similarity.sum(axis=1)[:, None]
        either.append((sums - frame.similarity).ravel())
    nothing = np.zeros(0, np.int64)
    alike, whole = (np.concatenate([np.zeros(0), *part]) for part in (similarity, either))
    overlap = np.divide(alike, whole, out=np.zeros_like(alike), where=whole > _EPS)
    return _Pairs(np.concatenate([nothing, *first]), np.concatenate([nothing, *second]), alike, overlap)


def _hota(frames: Sequence[Frame], truth: Sequence[Ints], tracks: Sequence[Ints], pairs: _Pairs) -> tuple[Ints, Floats]:
    """Return hits and the sum of their association, per alpha."""
    length = [np.bincount(np.concatenate([np.zeros(0, np.int64), *part])) for part in (truth, tracks)]
    agreed = np.zeros((len(length[0]), len(length[1])))
    np.add.at(agreed, (pairs.truth, pairs.track), pairs.overlap)
    aligned = agreed / (length[0][:, None] + length[1] - agreed)
    matched: list[tuple[Ints, Ints, Floats]] = []
    for frame, rows, columns in zip(frames, truth, tracks, strict=True):
        if len(rows) and len(columns):
            row, column = linear_sum_assignment(-(aligned[np.ix_(rows, columns)] * frame.similarity))
            matched.append((rows[row], columns[column], frame.similarity[row, column]))
    if not matched:
        return np.zeros(len(ALPHAS), np.int64), np.zeros(len(ALPHAS))
    row, column, similarity = (np.concatenate(part) for part in zip(*matched, strict=True))
    found = similarity >= ALPHAS[:, None] - _EPS
    order = np.lexsort((column, row))
    first = np.flatnonzero(np.diff(row[order] * len(length[1]) + column[order], prepend=-1))
    together = np.add.reduceat(found[:, order].astype(np.int64), first, axis=1)
    either = length[0][row[order[first]]] + length[1][column[order[first]]]
    return found.sum(axis=1), (together * (together / np.maximum(1, either - together))).sum(axis=1)


@dataclass(frozen=True)
class _Clear:
    matches: int
    switches: int
    fragmentations: int


def _clear(frames: Sequence[Frame], truth: Sequence[Ints], tracks: Sequence[Ints], objects: int,
           threshold: float) -> _Clear:  # fmt: skip
    """Match frame by frame: a pair stays together while it agrees; the others are paired for the largest similarity
    among the most pairs.
    """
    partner = np.full(objects, -1)
    tracked = np.full(objects, -1)
    matches = switches = fragmentations = 0
    for frame, rows, columns in zip(frames, truth, tracks, strict=True):
        near = frame.similarity >= threshold
        stays = near & (partner[rows][:, None] == columns)
        # Two objects may remember one track; it stays with the first.
        stays &= np.cumsum(stays, axis=0) == 1
        near &= ~stays.any(axis=1)[:, None] & ~stays.any(axis=0)
        kept = np.nonzero(stays)
        paired = linear_sum_assignment(np.where(near, frame.similarity - 1, -1.0 - min(near.shape, default=0)), True)
        real = near[paired]
        row, column = (np.concatenate([old, new[real]]) for old, new in zip(kept, paired, strict=True))
        object_, track = rows[row], columns[column]
        switches += int(((partner[object_] >= 0) & (partner[object_] != track)).sum())
        matches += len(row)
        partner[object_] = track
        # `tracked` is -1 before the first hit, 0 after a miss, 1 after a hit.
        fragmentations += int((tracked[object_] == 0).sum())
        lost = np.setdiff1d(rows, object_)
        tracked[lost[tracked[lost] == 1]] = 0
        tracked[object_] = 1
    return _Clear(matches, switches, fragmentations)
