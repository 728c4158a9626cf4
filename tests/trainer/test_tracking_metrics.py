"""Figures of tracking: known by hand, and equal to the reference packages over random sequences."""

from __future__ import annotations

import operator
import warnings
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.objects.boxes import iou
from trainer.objects.pairing import on_ignored, paired_frames
from trainer.objects.tracking_metrics import Frame, count_tracking, tracking_scores
from trainer.objects.tracks import Track
from trainer.objects.true_objects import TrueObjects


def frames_of(truth: list[str], tracks: list[str]) -> list[Frame]:
    """Rows are what is seen frame by frame, `A` at place 0, ...; a letter of both at one place agrees entirely."""
    found = []
    for row, other in zip(truth, tracks, strict=True):
        places, theirs = ([n for n, mark in enumerate(part) if mark != "."] for part in (row, other))
        ids = (np.array([ord(part[n]) for n in where], np.int64) for part, where in ((row, places), (other, theirs)))
        alike = np.array([[float(a == b) for b in theirs] for a in places]).reshape(len(places), len(theirs))
        found.append(Frame(*ids, alike))
    return found


def scores(truth: list[str], tracks: list[str]):
    return tracking_scores(count_tracking(frames_of(truth, tracks)))


def test_perfect_tracks_have_all_figures_at_one() -> None:
    found = scores(["AB", "AB", ".B"], ["xy", "xy", ".y"])
    assert (found.purity, found.completeness, found.idf1, found.mota, found.hota) == (1, 1, 1, 1, 1)
    assert (found.switches, found.fragmentations, found.tracks) == (0, 0, 2)


def test_one_track_a_box_is_pure_and_worth_little() -> None:
    found = scores(["A", "A", "A", "A"], ["w", "x", "y", "z"])
    assert found.purity == 1 and found.completeness == 0.25 and found.idf1 == 0.25 and found.switches == 3
    assert found.hota == pytest.approx(0.5)  # every box found, each in a track that has a quarter of the object


def test_one_track_through_two_objects_is_complete_and_impure() -> None:
    found = scores(["A", "A", "B", "B"], ["x", "x", "x", "x"])
    assert found.purity == 0.5 and found.completeness == 1 and found.switches == 0 and found.idf1 == 0.5


def test_a_gap_is_a_fragmentation_only_if_the_object_is_found_again() -> None:
    assert scores(["A", "A", "A"], ["x", ".", "x"]).fragmentations == 1
    assert scores(["A", "A", "A"], [".", "x", "."]).fragmentations == 0
    assert scores(["A", ".", "A"], ["x", ".", "x"]).fragmentations == 0


def test_misses_false_boxes_and_switches_lower_mota() -> None:
    found = scores(["A.", "A.", "A.", "A."], ["x.", ".q", "y.", "y."])
    assert found.mota == 1 - (1 + 1 + 1) / 4


def test_nothing_at_all_has_no_figures() -> None:
    found = tracking_scores(count_tracking([]))
    assert np.isnan([found.purity, found.completeness, found.idf1, found.mota]).all() and found.hota == 0


@st.composite
def sequences(draw: st.DrawFn) -> list[Frame]:
    """Objects and tracks whose boxes wander about one another; ids come and go, some frames are empty."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    objects, tracks, length = draw(st.integers(0, 5)), draw(st.integers(0, 6)), draw(st.integers(1, 12))
    shown, crowd = draw(st.floats(0.2, 1)), draw(st.floats(4, 40))
    corner = rng.uniform(0, crowd, (objects + tracks, 2))
    found = []
    for _ in range(length):
        corner += rng.normal(0, 1.5, corner.shape)
        boxes = np.concatenate([corner, corner + rng.uniform(7, 10, corner.shape)], axis=1)
        truth = rng.permutation(np.flatnonzero(rng.random(objects) < shown))
        made = rng.permutation(np.flatnonzero(rng.random(tracks) < shown))
        found.append(Frame(truth + 3, 7 * made + 100, iou(boxes[truth], boxes[objects + made])))
    return found


@given(sequences())
@settings(max_examples=12, deadline=None)
def test_equal_to_motmetrics(frames: list[Frame]) -> None:
    motmetrics = pytest.importorskip("motmetrics", reason="pip install motmetrics to compare with it")
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame in frames:
        accumulator.update(frame.truth, frame.tracks, np.where(frame.similarity >= 0.5, 1 - frame.similarity, np.nan))
    names = ["idf1", "mota", "num_switches", "num_fragmentations", "num_misses", "num_false_positives"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, within motmetrics
        theirs = motmetrics.metrics.create().compute(accumulator, metrics=names, name="clip").iloc[0]
    counts = count_tracking(frames)
    ours = tracking_scores(counts)
    found = (ours.idf1, ours.mota, ours.switches, ours.fragmentations, counts.misses, counts.false)
    if counts.objects:
        assert found == pytest.approx(tuple(theirs), abs=1e-6, nan_ok=True)


def theirs_of(frames: list[Frame], trackeval) -> dict:
    """What `trackeval` makes of one sequence."""
    truth, tracks = (
        np.unique(np.concatenate([getattr(frame, name) for frame in frames])) for name in ("truth", "tracks")
    )
    return trackeval.metrics.HOTA().eval_sequence(
        {
            "num_gt_ids": len(truth),
            "num_tracker_ids": len(tracks),
            "num_gt_dets": sum(len(frame.truth) for frame in frames),
            "num_tracker_dets": sum(len(frame.tracks) for frame in frames),
            "gt_ids": [np.searchsorted(truth, frame.truth) for frame in frames],
            "tracker_ids": [np.searchsorted(tracks, frame.tracks) for frame in frames],
            "similarity_scores": [frame.similarity for frame in frames],
        }
    )


@given(sequences(), sequences())
@settings(max_examples=25, deadline=None)
def test_equal_to_trackeval_alone_and_summed(first: list[Frame], second: list[Frame]) -> None:
    trackeval = pytest.importorskip("trackeval", reason="pip install trackeval to compare with it")
    parts = {name: theirs_of(frames, trackeval) for name, frames in (("first", first), ("second", second))}
    both = [count_tracking(first), count_tracking(second)]
    for ours, theirs in (
        (tracking_scores(both[0]), parts["first"]),
        (tracking_scores(reduce(operator.add, both)), trackeval.metrics.HOTA().combine_sequences(parts)),
    ):
        found = ours.hota, ours.det_a, ours.ass_a
        assert found == pytest.approx(tuple(theirs[name].mean() for name in ("HOTA", "DetA", "AssA")), abs=1e-6)


def test_boxes_on_ignored_objects_are_neither_right_nor_wrong() -> None:
    box = np.array([[[0, 0, 4, 4]], [[10, 10, 14, 14]], [[11, 10, 15, 14]]], np.float32)
    nothing = np.zeros((3, 3), np.uint8)
    counts = np.array([[True], [False], [True]])
    objects = TrueObjects(np.arange(3), nothing[0], nothing, box, np.ones((3, 1), np.float32), counts, ~counts)

    def track(number: int, place: np.ndarray) -> Track:
        return Track(number, np.array([0]), place[None], np.ones(1, np.float32), np.array([number]))

    (frame,) = paired_frames(objects, [track(0, box[0, 0]), track(1, box[1, 0])])
    assert frame.truth.tolist() == [0, 2] and frame.tracks.tolist() == [0, 1]  # it is on the one that counts, too
    (frame,) = paired_frames(objects, [track(1, box[1, 0]), track(2, box[2, 0])])
    assert frame.tracks.tolist() == [2]
    # Two boxes on one ignored object: one is excused, the other is of nothing.
    assert on_ignored(np.zeros((0, 2)), np.array([[0.9, 0.8]])).tolist() == [True, False]
