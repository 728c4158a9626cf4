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
from trainer.objects.kalman import CENTRE, ROWS, SEEN, SIZE, Kalman, MotionModel, State, Still, boxes_of, seen_in
from trainer.objects.tracks import Track, tracks_of
from trainer.objects.turning import Turning

Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]
Table = NDArray[np.float64]
Motion = Literal["kalman", "turning", "none"]
Gate = Literal["iou", "distance"]
NO_TRACK = -1
LOOK_GAIN = 0.3
"""How much of a change of appearance is believed at once."""
_ANY = 1e-3
"""What a possible pair has in common at least: it is better than none."""
_STATE, _ID, _HITS = slice(0, ROWS), ROWS, ROWS + 1
_LEAST, _LEAD, _LEFT = ROWS + 2, ROWS + 3, ROWS + 4
_LOOKS = slice(ROWS + 5, None)
"""Rows of a tracker's table: how a track moves; its id and hits; the overlap that it asks for, what it is ahead of
others and how many frames it may yet go without a hit; its mean feature."""
_SAID, _DUE = slice(_ID, _LEAST), slice(_LEAST, _LOOKS.start)
"""What is said of a track, and what is due to it after a hit."""


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
    faint_iou: float = 0.0
    """A box below that score, likely one of nothing, goes on with a track that it overlaps by more than this."""
    max_age: int = 5
    """Frames that a confirmed track outlives without a hit; a tentative one outlives a single frame."""
    min_hits: int = 2
    """Hits that confirm a track."""

    _model: MotionModel = field(init=False, repr=False)
    _tracks: Table = field(init=False, repr=False)
    """A column a track, all in one array: what a frame costs is its calls of NumPy, not the numbers in them."""
    _dues: Table = field(init=False, repr=False)
    """What is due to a tentative and a confirmed track, (3, 2)."""
    _born: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, choices in (("motion", get_args(Motion)), ("gate", get_args(Gate))):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"no {name} {getattr(self, name)!r} of a tracker", hint=f"known: {', '.join(choices)}"
                )
        models: dict[Motion, MotionModel] = {"kalman": self.kalman, "turning": Turning(), "none": Still()}
        self._model = models[self.motion]
        self._dues = np.array([[self.tentative_iou, self.confirmed_iou], [0, self.bonus], [1, self.max_age]])
        self.reset()

    @classmethod
    def for_objects(cls, **options: Any) -> Self:
        """Return a tracker for `objects`: small boxes that are hardly off, short lives that must not be chained."""
        noise = Kalman(measured=0.2, place_noise=0.05, velocity_noise=0.1, unknown_place=0.2, unknown_velocity=1.0)
        ours = {"kalman": noise, "tentative_iou": 0.1, "size_ratio": 1.25, "bonus": 0.0, "max_age": 3}
        return cls(**{**ours, **options})

    def reset(self) -> None:
        """Forget all tracks: the next frame is the first of another clip."""
        self._tracks = np.zeros((_LOOKS.start, 0))
        self._born = 0

    def update(self, boxes: ArrayLike, scores: ArrayLike | None = None,
               features: ArrayLike | None = None) -> NDArray[np.int64]:  # fmt: skip
        """Take in the next frame; return the track of each box, -1 where that is still tentative, (n,).

        Raises `DataError` for boxes, scores or features that cannot be used; the tracks are then as they were.
        """
        found = check_boxes(boxes)
        ids, hits = self._follow(found, self._sure(found, scores), self._looks_of(found, features))
        return np.where(hits >= self.min_hits, ids, NO_TRACK)

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
            ids.append(self._follow(boxes, self._sure(boxes, scores), self._looks_of(boxes, features))[0])
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
        if not self._tracks.size and looks.ndim == 2:
            self._tracks = np.zeros((_LOOKS.start + looks.shape[1], 0))
        if looks.shape != (len(boxes), len(self._tracks[_LOOKS])) or not np.isfinite(looks).all():
            raise DataError(f"features of shape {looks.shape} for {len(boxes)} boxes, or not all finite",
                            hint="a tracker with appearance needs one row a box, all of one length")  # fmt: skip
        return looks.T

    def _follow(self, boxes: Boxes, sure: Bools, looks: Floats | None) -> NDArray[np.int64]:
        """Follow the tracks into a frame; return id and hits of each box's track, (2, n)."""
        tracks, seen = self._tracks, seen_in(boxes)
        self._model.predict(tracks[_STATE])
        track, box = self._associate(boxes, sure, seen, looks)
        hit = tracks.take(track, axis=1)
        self._model.correct(hit[_STATE], seen.take(box, axis=1))
        if looks is not None:
            hit[_LOOKS] += LOOK_GAIN * (looks[:, box] - hit[_LOOKS])
        parts = [self._after_a_hit(hit)]
        said = np.empty((2, len(boxes)), np.int64)
        said.fill(NO_TRACK)
        said[:, box] = hit[_SAID]
        if len(track) < tracks.shape[1]:
            parts.append(self._waiting(track))
        if len(box) < len(boxes):
            sure[box] = False
            new = sure.nonzero()[0]
            parts.append(self._begun(seen[:, new], None if looks is None else looks[:, new]))
            said[:, new] = parts[-1][_SAID]
        self._tracks = np.concatenate(parts, axis=1)
        return said

    def _associate(self, boxes: Boxes, sure: Bools, seen: State, looks: Floats | None) -> tuple[Rows, Rows]:
        """Return pairs of tracks and boxes that belong together."""
        tracks = self._tracks
        common = iou(boxes_of(tracks), boxes) if self.gate == "iou" else self._nearness(seen)
        least, lead = tracks[_LEAST:_LEFT].astype(common.dtype)[:, :, None]
        if self.faint_iou:
            least = np.maximum(least, self.faint_iou * ~sure, dtype=common.dtype)
        possible = common > (least if self.gate == "iou" else 0)
        if math.isfinite(self.size_ratio):
            ratio = np.log(np.multiply(*seen[2:])) - np.log(np.multiply(*tracks[SIZE]))[:, None]
            possible &= np.abs(ratio) < 2 * math.log(self.size_ratio)
        if looks is not None:
            unlike = np.linalg.norm(tracks[_LOOKS, :, None] - looks[:, None], axis=0) / self.appearance
            possible &= unlike < 1
            common += 1 - unlike
        common += lead
        np.maximum(common, _ANY, out=common)
        common *= possible
        track, box = linear_sum_assignment(common, maximize=True)
        kept = possible[track, box]
        return track[kept], box[kept]

    def _nearness(self, seen: State) -> Floats:
        """Return 1 where centres coincide, falling to 0 where they are as far apart as they may be."""
        apart = np.linalg.norm(self._tracks[CENTRE, :, None] - seen[:2, None], axis=0)
        return 1 - apart / (self.reach * np.sqrt(np.multiply(*seen[2:])))

    def _after_a_hit(self, tracks: Table) -> Table:
        """Count the hit and give each of these tracks its due, in place; return them."""
        tracks[_HITS] += 1
        tracks[_DUE] = self._dues.take(tracks[_HITS] >= self.min_hits, axis=1)
        return tracks

    def _waiting(self, hit: Rows) -> Table:
        """Return the tracks that were not hit, but may be yet."""
        waits = self._tracks[_LEFT] > 0
        waits[hit] = False
        waiting = self._tracks.compress(waits, axis=1)
        waiting[_LEAD] -= self.staleness
        waiting[_LEFT] -= 1
        return waiting

    def _begun(self, seen: State, looks: Floats | None) -> Table:
        """Return tracks that begin with what was seen."""
        count = seen.shape[1]
        begun = np.zeros((len(self._tracks), count))
        begun[SEEN] = seen
        self._model.begin(begun[_STATE])
        begun[_ID] = np.arange(self._born, self._born + count)
        if looks is not None:
            begun[_LOOKS] = looks
        self._born += count
        return self._after_a_hit(begun)
