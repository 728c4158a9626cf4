"""What became of scenes, and how far from the truth it is.

A point is of an object if both its boxes are on it (`sightings.mean`); it is *persistent* if that object is. All other
points are spurious: *transient*, of a transient object, or *wrong*, of boxes that are not on one object.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.scenes import Persistence
from trainer.objects.end_to_end import confirmed
from trainer.objects.sightings import NOBODY
from trainer.stereo.camera import Floats
from trainer.stereo.filters import NO_FILTER, Keep
from trainer.stereo.reconstruction import Reconstruction, reconstruct
from trainer.stereo.scenes import Scene
from trainer.stereo.single import place_by_size
from trainer.stereo.smoothing import SMOOTHERS, smooth

ONE_CAMERA = "one camera, by size"
NEAR = 2
"""Radii of an object within which a point is not astray."""
Figures = dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """The points of one scene, each with the object that it is of."""

    scene: Scene
    found: Reconstruction
    object: NDArray[np.int64]
    """Row of the object, `NOBODY` for a wrong point, (N,)."""
    kind: NDArray[np.int64]
    """Its `Persistence`, `NOBODY` for a wrong point, (N,)."""
    seconds: float
    """Processor time from the tracks of both views to points smoothed by `kalman`."""

    @property
    def persistent(self) -> NDArray[np.bool_]:
        return np.asarray(self.kind == Persistence.PERSISTENT)

    def off(self, positions: Floats) -> Floats:
        """Return the distances of the persistent points from the truth, given where all points are, (n,)."""
        mine = self.persistent
        true = self.scene.world[self.object[mine], self.found.frame[mine]]
        return np.asarray(np.linalg.norm(positions[mine] - true, axis=1))

    def astray(self, positions: Floats) -> NDArray[np.bool_]:
        """Return which points, given where all are, have no persistent object within `NEAR` radii then, (N,)."""
        first, second = (view.objects for view in self.scene.views)
        lasting = first.kinds == Persistence.PERSISTENT
        there = (first.counts | second.counts)[lasting][:, self.found.frame]
        apart = np.linalg.norm(self.scene.world[lasting][:, self.found.frame] - positions, axis=2)
        return ~(there & (apart <= NEAR * self.scene.radius)).any(axis=0)


def outcome(scene: Scene, keep: Keep) -> Outcome:
    """Return the points of what a filter leaves of both views."""
    tracks = []
    for view in scene.views:
        kept = keep(view)
        tracks.append([track for track in confirmed(view) if kept[track.id]])
    one, other = scene.views
    begin = time.process_time()
    found = reconstruct((tracks[0], tracks[1]), scene.cameras, (one.seen.frames, other.seen.frames))
    found.smoothed("kalman")
    seconds = time.process_time() - begin
    first, second = (view.meaning.object[rows] for view, rows in zip(scene.views, found.rows.T, strict=True))
    real = np.where(first == second, first, NOBODY)
    kinds = np.append(one.objects.kinds.astype(np.int64), NOBODY)
    return Outcome(scene, found, real, kinds[real], seconds)


def measure(scenes: Sequence[Scene], filters: Mapping[str, Keep]) -> dict[str, Figures]:
    """Return the figures of each filter over all scenes, and of one camera alone on the points of no filter."""
    figures: dict[str, Figures] = {}
    for name, keep in filters.items():
        came = [outcome(scene, keep) for scene in scenes]
        figures[name] = _counts(came) | _errors(came, [_stereo(one) for one in came])
        figures[name]["ms_a_clip"] = 1000 * sum(one.seconds for one in came) / max(1, len(came))
        if name == NO_FILTER:
            figures[ONE_CAMERA] = _errors(came, [_one_camera(one) for one in came])
    base = figures[NO_FILTER]
    for name in filters:
        own = figures[name]
        if base["spurious"]:
            own["spurious_removed"] = 1 - own["spurious"] / base["spurious"]
        if base["persistent"]:
            own["persistent_kept"] = own["persistent"] / base["persistent"]
    return figures


def _counts(came: Sequence[Outcome]) -> Figures:
    kind = np.concatenate([np.zeros(0, np.int64), *(one.kind for one in came)])
    count = {"persistent": Persistence.PERSISTENT, "transient": Persistence.TRANSIENT, "wrong": NOBODY}
    figures = {"points": float(len(kind)), **{name: float((kind == value).sum()) for name, value in count.items()}}
    figures["spurious"] = figures["transient"] + figures["wrong"]
    there = 0
    for one in came:
        first, second = (view.objects for view in one.scene.views)
        there += int((first.counts & second.counts)[first.kinds == Persistence.PERSISTENT].sum())
    if there:
        figures["found"] = figures["persistent"] / there
    return figures


def _errors(came: Sequence[Outcome], places: Sequence[Mapping[str, Floats]]) -> Figures:
    """Return how far off the persistent points are, and the share of all that are astray, by smoother."""
    figures = {}
    for how in SMOOTHERS:
        off = np.concatenate([np.zeros(0), *(one.off(place[how]) for one, place in zip(came, places, strict=True))])
        stray = [one.astray(place[how]) for one, place in zip(came, places, strict=True)]
        if len(off):
            figures[f"median_{how}"] = float(np.median(off))
            figures[f"rmse_{how}"] = float(np.sqrt(np.square(off).mean()))
            figures[f"astray_{how}"] = float(np.concatenate(stray).mean())
    return figures


def _stereo(one: Outcome) -> dict[str, Floats]:
    """Return where the points are after each smoother."""
    return {how: one.found.smoothed(how) for how in SMOOTHERS}


def _one_camera(one: Outcome) -> dict[str, Floats]:
    """Return the same of one camera that knows the objects' radius."""
    found, view = one.found, one.scene.views[0]
    position, covariance = place_by_size(one.scene.cameras[0], view.seen.boxes[found.rows[:, 0]], one.scene.radius)
    return {how: smooth(how, position, covariance, found.pair, found.frame, found.noise_px) for how in SMOOTHERS}
