"""Boxes of successive frames linked to tracks: predict, associate, correct, end, begin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from trainer.errors import ConfigError, DataError
from trainer.objects.boxes import Boxes, Floats, check_boxes, iou
from trainer.objects.detections import Detections
from trainer.objects.kalman import CENTRE, SIZE, Kalman, MotionModel, State, Still, boxes_of, state_of
from trainer.objects.tracks import Track, tracks_of
from trainer.objects.turning import Turning

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]
Motion = Literal["kalman", "turning", "none"]
Gate = Literal["iou", "distance"]
NO_TRACK = -1
LOOK_GAIN = 0.3
"""How much of a change of appearance is believed at once."""
_LEAST = 1e-3
"""What a possible pair has in common at least: it is better than none."""
_ID, _HITS, _MISSED = range(3)
_ONE_HIT, _ONE_MISS, _NOTHING = np.array([0, 1, 0]), np.array([0, 0, 1]), np.array([NO_TRACK, 0, 0])


@dataclass
class IoUTracker:
    """Follows any number of objects: `update` frame by frame as they come, or `track` for a whole clip.

    A new track is tentative until it was hit `min_hits` times. In each frame boxes and tracks are paired one to one so
    that the sum of what the pairs have in common is largest, as in SORT (Bewley et al. 2016). The defaults suit boxes
    of some 20 px that are off by a pixel; `for_objects` has those for the data set `objects`.
    """

    motion: Motion = "kalman"
    """How tracks are predicted: straight on, in a circle, or not at all, which is the plain IoU tracker."""
    kalman: Kalman = field(default_factory=Kalman)
    """What motion "kalman" takes for granted."""
    gate: Gate = "iou"
    """What a pair has in common: the overlap of its boxes, or the nearness of their centres."""
    confirmed_iou: float = 0.1
    """A box may belong to a confirmed track whose predicted box overlaps it by more than this."""
    tentative_iou: float = 0.15
    """The same for a tentative track."""
    reach: float = 1.5
    """With gate "distance": how many sides of the box its centre may be away."""
    size_ratio: float = math.inf
    """How many times as large a side of a box may be as its track's, or as small. Apparent size carries depth."""
    appearance: float = 0.0
    """Distance of features at which two boxes cannot be of one object; the nearer, the better. 0: they do not count."""
    bonus: float = 0.2
    """What a confirmed track is ahead of a tentative one."""
    staleness: float = 0.1
    """How much of that a track loses with each frame without a hit."""
    birth_score: float = 0.0
    """A box begins a track from this score on."""
    max_age: int = 5
    """Frames that a confirmed track outlives without a hit; a tentative one outlives a single frame."""
    min_hits: int = 2
    """Hits that confirm a track."""

    _model: MotionModel = field(init=False, repr=False)
    _state: State = field(init=False, repr=False)
    _counts: NDArray[np.int64] = field(init=False, repr=False)
    """Id, hits and frames since the last hit of each track, (n, 3)."""
    _looks: Floats | None = field(init=False, repr=False)
    """Mean feature of each track, (n, D)."""
    _born: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, choices in (("motion", get_args(Motion)), ("gate", get_args(Gate))):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"no {name} {getattr(self, name)!r} of a tracker", hint=f"known: {', '.join(choices)}"
                )
        models: dict[Motion, MotionModel] = {"kalman": self.kalman, "turning": Turning(), "none": Still()}
        self._model = models[self.motion]
        self.reset()

    @classmethod
    def for_objects(cls, **options: Any) -> Self:
        """Return a tracker for `objects`: small boxes that are hardly off, short lives that must not be chained."""
        noise = Kalman(measured=0.2, place_noise=0.05, velocity_noise=0.1, unknown_place=0.2, unknown_velocity=1.0)
        ours = {"kalman": noise, "tentative_iou": 0.1, "size_ratio": 1.25, "bonus": 0.0, "max_age": 3}
        return cls(**{**ours, **options})

    def reset(self) -> None:
        """Forget all tracks: the next frame is the first of another clip."""
        self._state = state_of(np.zeros((0, 4), np.float32))
        self._counts = np.zeros((0, 3), np.int64)
        self._looks = None
        self._born = 0

    def update(self, boxes: ArrayLike, scores: ArrayLike | None = None,
               features: ArrayLike | None = None) -> NDArray[np.int64]:  # fmt: skip
        """Take in the next frame; return the track of each box, -1 where that is still tentative, (n,).

        Raises `DataError` for boxes, scores or features that cannot be used; the tracks are then as they were.
        """
        found = check_boxes(boxes)
        counts = self._counts_of(found, self._sure(found, scores), self._looks_of(found, features))
        return np.where(counts[:, _HITS] >= self.min_hits, counts[:, _ID], NO_TRACK)

    def track(self, detections: Detections) -> list[Track]:
        """Return the tracks of a clip that were confirmed, in the order of their births, first hits included."""
        return tracks_of(self.link(detections), detections, self.min_hits)

    def link(self, detections: Detections) -> NDArray[np.int64]:
        """Return the track of each box of a clip, confirmed or not, boxes of all frames numbered through, (N,). What
        a later frame shows changes none of them.
        """
        self.reset()
        ids = [np.zeros(0, np.int64)]
        for boxes, scores, features in detections:
            ids.append(self._counts_of(boxes, self._sure(boxes, scores), self._looks_of(boxes, features))[:, _ID])
        return np.concatenate(ids)

    def _sure(self, boxes: Boxes, scores: ArrayLike | None) -> Bools:
        """Return which boxes may begin a track, (n,)."""
        if scores is None or not self.birth_score:
            return np.ones(len(boxes), bool)
        sure = np.asarray(scores) >= self.birth_score
        if sure.shape != (len(boxes),):
            raise DataError(f"scores of shape {sure.shape} for {len(boxes)} boxes", hint="one score a box is needed")
        return sure

    def _looks_of(self, boxes: Boxes, features: ArrayLike | None) -> Floats | None:
        if not self.appearance:
            return None
        looks = np.asarray(features, np.float64)
        width = looks.shape[-1:] if self._looks is None else self._looks.shape[1:]
        if looks.shape != (len(boxes), *width) or not np.isfinite(looks).all():
            raise DataError(f"features of shape {looks.shape} for {len(boxes)} boxes, or not all finite",
                            hint="a tracker with appearance needs one row a box, all of one length")  # fmt: skip
        return looks

    def _counts_of(self, boxes: Boxes, sure: Bools, looks: Floats | None) -> NDArray[np.int64]:
        """Follow the tracks into a frame; return the counts of each box's track, (n, 3)."""
        seen = state_of(boxes)
        self._model.predict(self._state)
        track, box = self._associate(boxes, seen, looks)
        self._model.correct(self._state, track, seen[box])
        if looks is not None and self._looks is not None:
            self._looks[track] += LOOK_GAIN * (looks[box] - self._looks[track])
        hit = self._counts[track] + _ONE_HIT
        hit[:, _MISSED] = 0
        self._counts += _ONE_MISS
        self._counts[track] = hit
        counts = np.full((len(boxes), 3), _NOTHING)
        counts[box] = hit
        if len(track) < len(self._counts):
            self._end()
        if len(box) < len(boxes):
            sure[box] = False
            counts[sure] = self._begin(seen[sure], None if looks is None else looks[sure])
        return counts

    def _associate(self, boxes: Boxes, seen: State, looks: Floats | None) -> tuple[Rows, Rows]:
        """Return pairs of tracks and boxes that belong together."""
        if not len(boxes) or not len(self._state):
            return np.zeros(0, np.intp), np.zeros(0, np.intp)
        confirmed = self._counts[:, _HITS, None] >= self.min_hits
        common, possible = self._overlap(boxes, confirmed) if self.gate == "iou" else self._nearness(seen)
        if math.isfinite(self.size_ratio):
            ratio = np.log(seen[:, SIZE].prod(axis=1)) - np.log(self._state[:, SIZE].prod(axis=1))[:, None]
            possible &= np.abs(ratio) < 2 * math.log(self.size_ratio)
        if looks is not None and self._looks is not None:
            unlike = np.linalg.norm(self._looks[:, None] - looks, axis=2) / self.appearance
            possible &= unlike < 1
            common += 1 - unlike
        common += self.bonus * confirmed - self.staleness * self._counts[:, _MISSED, None]
        np.maximum(common, _LEAST, out=common)
        common *= possible
        track, box = linear_sum_assignment(common, maximize=True)
        kept = possible[track, box]
        return track[kept], box[kept]

    def _overlap(self, boxes: Boxes, confirmed: Bools) -> tuple[Floats, Bools]:
        common = iou(boxes_of(self._state), boxes)
        return common, common > np.where(confirmed, np.float32(self.confirmed_iou), np.float32(self.tentative_iou))

    def _nearness(self, seen: State) -> tuple[Floats, Bools]:
        """Return 1 where centres coincide, falling to 0 where they are as far apart as they may be."""
        apart = np.linalg.norm(self._state[:, None, CENTRE] - seen[:, CENTRE], axis=2)
        common = 1 - apart / (self.reach * np.sqrt(seen[:, SIZE].prod(axis=1)))
        return common, common > 0

    def _end(self) -> None:
        """Forget the tracks that were missed too long."""
        allowed = np.where(self._counts[:, _HITS] >= self.min_hits, self.max_age, 1)
        kept = self._counts[:, _MISSED] <= allowed
        if not kept.all():
            self._state, self._counts = self._state[kept], self._counts[kept]
            self._looks = None if self._looks is None else self._looks[kept]

    def _begin(self, seen: State, looks: Floats | None) -> NDArray[np.int64]:
        """Begin a track with each box seen; return their counts."""
        counts = np.zeros((len(seen), 3), np.int64)
        counts[:, _ID] = np.arange(self._born, self._born + len(seen))
        counts[:, _HITS] = 1
        self._born += len(seen)
        self._state = np.concatenate([self._state, self._model.born(seen)])
        self._counts = np.concatenate([self._counts, counts])
        if looks is not None:
            self._looks = looks.copy() if self._looks is None else np.concatenate([self._looks, looks])
        return counts
