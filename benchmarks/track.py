"""Our tracker against ByteTrack and SORT of the package `trackers`: how fast, and how well they tell objects apart.

All are handed the same boxes with the same scores, frame by frame, and judged by the ids that they give at once: no id
is filled in afterwards. Boxes are those of crowds (objects that cross in a square of 256 px, 12 % missed, one in ten of
nothing, 1.2 px of jitter) and of the data set `objects`, spoiled as `trainer track --boxes perturbed` does. Ours has
its two settings, for crowds and for `objects`, and what it makes of scores; theirs are, for each kind of boxes, the
best of a grid on other seeds (`--choose` searches it again), with `--defaults` those of the package. Ours names a
track from its first box on; with `--wait` from its second, as theirs do. Appearance is used by none. Times are of one
thread's processor, the trackers in turns over every clip, the median of all turns; boxes are put into their form
beforehand.
"""

from __future__ import annotations

import itertools
import operator
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from benchmarks.report import Row, arguments, lower_is_better, show
from renderer.objects import make_objects
from renderer.sampling import Window
from trainer.objects.detections import Detections
from trainer.objects.pairing import paired_frames
from trainer.objects.perturbed import perturbed_detections
from trainer.objects.tracker import IoUTracker
from trainer.objects.tracking_metrics import count_tracking, tracking_scores
from trainer.objects.tracks import tracks_of
from trainer.objects.true_objects import TrueObjects, true_objects

CROWDS = {5: 2.0, 20: 4.0, 60: 8.0}
"""Objects of a crowd, and how much faster we are to be."""
TIERS = ("standard", "transient_heavy")
SIDE_PX, BOX_PX, JITTER_PX, MISSED, FALSE = 256, 20.0, 1.2, 0.12, 0.1
HELD_OUT, CHOSEN_ON = 2000, 10
"""First seeds of what is reported, and of what settings were chosen on."""
GRID = {
    "lost_track_buffer": (2, 3, 4, 12, 30),
    "minimum_iou_threshold": (0.1, 0.2, 0.3),
    "minimum_consecutive_frames": (1, 2),
    "track_activation_threshold": (0.25, 0.7),
}
"""Of `trackers`, whose defaults are 30, .1, 2, .7 for ByteTrack and 30, .3, 3, .25 for SORT."""
CHOSEN = {
    ("crowd", "ByteTrack"): (4, 0.1, 1, 0.7),
    ("crowd", "SORT"): (4, 0.1, 1, 0.7),
    ("standard", "ByteTrack"): (2, 0.1, 1, 0.7),
    ("standard", "SORT"): (2, 0.1, 1, 0.7),
    ("transient_heavy", "ByteTrack"): (2, 0.2, 1, 0.25),
    ("transient_heavy", "SORT"): (2, 0.2, 1, 0.25),
}
"""The best of the grid, in its order: what `--choose` prints (two crowds of each size, 16 clips of each tier)."""
BIRTH_SCORE, FAINT_IOU = 0.7, 0.3
"""Of ours: a track begins from that score on, as ByteTrack's do. Chosen on seeds from 100 to 600."""

Clip = tuple[TrueObjects, Detections]
Ids = list[np.ndarray]


def crowd(count: int, seed: int, frames: int = 100) -> Clip:
    """Boxes that move straight on and bounce at the border; half of them stay, the others come and go."""
    rng = np.random.default_rng((count, seed))
    centre, speed = rng.uniform(20, SIDE_PX - 20, (count, 2)), rng.uniform(-4, 4, (count, 2))
    birth = np.where(rng.random(count) < 0.5, 0, rng.integers(0, frames // 2, count))
    life = np.where(rng.random(count) < 0.5, frames, rng.integers(5, 30, count))
    half, boxes = BOX_PX / 2, np.empty((count, frames, 4), np.float32)
    for frame in range(frames):
        centre = centre + speed
        speed = np.where((centre < 12) | (centre > SIDE_PX - 12), -speed, speed)
        boxes[:, frame] = np.concatenate([centre - half, centre + half], axis=1)
    alive = (np.arange(frames) >= birth[:, None]) & (np.arange(frames) < (birth + life)[:, None])
    nothing = np.zeros((count, 3), np.uint8)
    objects = TrueObjects(
        np.arange(count), nothing[:, 0], nothing, boxes, alive.astype(np.float32), alive, ~alive & False
    )
    found, scores = [], []
    for frame in range(frames):
        seen = rng.permutation(np.flatnonzero(alive[:, frame] & (rng.random(count) > MISSED)))
        false = rng.uniform(half, SIDE_PX - half, (rng.poisson(FALSE * max(1, alive[:, frame].sum())), 2))
        true = boxes[seen, frame] + rng.normal(0, JITTER_PX, (len(seen), 4))
        found.append(np.concatenate([true, np.concatenate([false - half, false + half], axis=1)]).astype(np.float32))
        level = np.repeat([0.85, 0.5], [len(seen), len(false)])
        scores.append(np.clip(rng.normal(level, 0.1), 0, 1).astype(np.float32))
    return objects, Detections(found, scores)


def clips_of(tier: str, count: int, seed: int) -> list[Clip]:
    """Clips of `objects`, their boxes spoiled."""
    rng = np.random.default_rng(seed)
    known = true_objects(make_objects(tier, count, seed, Window(frames=32, size_px=64)).recipe)
    return [(objects, perturbed_detections(objects, rng)) for objects in known]


@dataclass(frozen=True)
class Rival:
    """A tracker as a function from a clip's frames to the ids of each; `prepare` puts boxes into its form."""

    prepare: Callable[[Detections], Any]
    follow: Callable[[Any], Ids]


def ours(objects: bool, wait: bool) -> Rival:
    made = IoUTracker.for_objects if objects else IoUTracker
    tracker = made(birth_score=BIRTH_SCORE, faint_iou=FAINT_IOU, min_hits=2 if wait else 1)

    def follow(frames: list[tuple[np.ndarray, np.ndarray]]) -> Ids:
        tracker.reset()
        return [tracker.update(boxes, scores) for boxes, scores in frames]

    return Rival(lambda clip: list(zip(clip.boxes, clip.scores, strict=True)), follow)


def theirs(name: str, settings: dict[str, Any]) -> Rival:
    """A tracker of the package `trackers`."""
    try:
        import supervision
        import trackers
    except ImportError as exc:
        raise SystemExit(f"{exc}: pip install trackers supervision, and nothing is compared without them") from exc
    make = {"ByteTrack": trackers.ByteTrackTracker, "SORT": trackers.SORTTracker}[name]

    def prepare(clip: Detections) -> Any:
        rows = (np.arange(len(boxes)) for boxes in clip.boxes)
        parts = zip(clip.boxes, clip.scores, rows, strict=True)
        return [supervision.Detections(boxes, confidence=scores, class_id=row) for boxes, scores, row in parts]

    def follow(frames: Any) -> Ids:
        tracker, found = make(**settings), []
        for frame in frames:
            done = tracker.update(frame)
            ids = np.full(len(frame), -1)
            ids[done.class_id if len(done) else []] = done.tracker_id
            found.append(ids)
        return found

    return Rival(prepare, follow)


def idf1(clips: Sequence[Clip], ids: Sequence[Ids]) -> float:
    """The figure of all clips together."""
    tracks = (tracks_of(np.concatenate(each), found) for each, (_, found) in zip(ids, clips, strict=True))
    counts = [count_tracking(paired_frames(objects, made)) for made, (objects, _) in zip(tracks, clips, strict=True)]
    return tracking_scores(reduce(operator.add, counts)).idf1


def compared(name: str, clips: Sequence[Clip], rivals: dict[str, Rival], speed: float, turns: int) -> list[Row]:
    """Speed and IDF1 of ours against each of the others."""
    frames = sum(objects.frame_count for objects, _ in clips)
    prepared = {one: [rival.prepare(found) for _, found in clips] for one, rival in rivals.items()}
    cost: dict[str, list[float]] = {one: [] for one in rivals}
    good: dict[str, float] = {}
    for turn in range(turns):
        spent, ids = dict.fromkeys(rivals, 0.0), {one: [] for one in rivals}
        for number in range(len(clips)):
            for one, rival in rivals.items():
                begin = time.thread_time()
                ids[one].append(rival.follow(prepared[one][number]))
                spent[one] += time.thread_time() - begin
        for one in rivals:
            cost[one].append(spent[one] / frames * 1e6)
        if turn == 0:
            good = {one: idf1(clips, ids[one]) for one in rivals}
    us = {one: statistics.median(values) for one, values in cost.items()}
    rows = []
    for one in list(rivals)[1:]:
        rows.append(lower_is_better(f"{name}: time, {one}", us["ours"], us[one], target=speed, unit="us/frame"))
        rows.append(Row(f"{name}: IDF1, {one}", good["ours"] / good[one], 1.0, "", good["ours"], good[one]))
    return rows


def choose(kind: str, name: str, clips: Sequence[Clip]) -> tuple[float, dict[str, Any]]:
    """The settings of the grid with the highest IDF1."""
    found = []
    for values in itertools.product(*GRID.values()):
        settings = dict(zip(GRID, values, strict=True))
        rival = theirs(name, settings)
        found.append((idf1(clips, [rival.follow(rival.prepare(boxes)) for _, boxes in clips]), settings))
    return max(found, key=lambda pair: pair[0])


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=240, help="objects in all crowds of a size (default: 240)")
    parser.add_argument("--clips", type=int, default=40, help="clips of each tier, 32 frames each (default: 40)")
    parser.add_argument("--turns", type=int, default=3, help="times that each is followed (default: 3)")
    parser.add_argument("--defaults", action="store_true", help="take their default settings")
    parser.add_argument("--wait", action="store_true", help="let ours too wait for a track's second box")
    parser.add_argument("--choose", action="store_true", help="search for the best settings of theirs (10 minutes)")
    options = parser.parse_args()

    def crowds(count: int) -> int:
        return max(1, options.objects // count)

    if options.choose:
        for kind in ("crowd", *TIERS):
            few = [crowd(count, CHOSEN_ON + n) for count in CROWDS for n in range(2)]
            few = few if kind == "crowd" else clips_of(kind, 16, CHOSEN_ON)
            for name in ("ByteTrack", "SORT"):
                print(kind, name, *choose(kind, name, few), flush=True)
        return

    def rivals(kind: str) -> dict[str, Rival]:
        chosen = {name: {} if options.defaults else CHOSEN[kind, name] for name in ("ByteTrack", "SORT")}
        others = {name: theirs(name, dict(zip(GRID, values, strict=bool(values)))) for name, values in chosen.items()}
        return {"ours": ours(kind != "crowd", options.wait), **others}

    rows = []
    for count, speed in CROWDS.items():
        clips = [crowd(count, HELD_OUT + number) for number in range(crowds(count))]
        rows += compared(f"crowd of {count}", clips, rivals("crowd"), speed, options.turns)
    for tier in TIERS:
        rows += compared(tier, clips_of(tier, options.clips, HELD_OUT), rivals(tier), 2.0, options.turns)
    show("tracking", rows, as_json=options.json)


if __name__ == "__main__":
    main()
