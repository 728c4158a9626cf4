"""The tracker on boxes that a person can follow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.objects import make_objects
from renderer.sampling import Window
from tests.trainer.conftest import Command
from trainer.errors import ConfigError, DataError
from trainer.objects.boxes import check_boxes, iou
from trainer.objects.detections import Detections
from trainer.objects.kalman import ROWS, SEEN, Kalman, MotionModel, State, boxes_of, seen_in
from trainer.objects.measuring import measure
from trainer.objects.perturbed import Flaws, perturbed_detections, true_detections
from trainer.objects.tracker import IoUTracker
from trainer.objects.true_objects import true_objects
from trainer.objects.turning import Turning


def at(*centres: tuple[float, float], side: float = 10) -> np.ndarray:
    """Squares around these places."""
    middle = np.array(centres, np.float32).reshape(-1, 2)
    return np.concatenate([middle - side / 2, middle + side / 2], axis=1)


def started(model: MotionModel, boxes: np.ndarray) -> State:
    state = np.zeros((ROWS, len(boxes)))
    state[SEEN] = seen_in(boxes)
    model.begin(state)
    return state


def clip(*frames: np.ndarray, features: list[np.ndarray] | None = None) -> Detections:
    return Detections(frames, [np.ones(len(boxes), np.float32) for boxes in frames], features)


def test_iou_of_known_boxes() -> None:
    boxes = np.array([[0, 0, 4, 4], [2, 0, 6, 4], [4, 0, 8, 4], [1, 1, 3, 3]], np.float32)
    assert iou(boxes[:1], boxes) == pytest.approx(np.array([[1, 1 / 3, 0, 1 / 4]]))
    assert iou(boxes, boxes[:0]).shape == (4, 0) and iou(boxes[:0], boxes).shape == (0, 4)


@pytest.mark.parametrize(
    "box, fault",
    [
        ([0, 0, np.nan, 4], "not finite"),
        ([0, 0, np.inf, 4], "not finite"),
        ([4, 0, 0, 4], "negative size"),
        ([0, 3, 4, 3], "no size"),
    ],
)
def test_a_box_that_is_none_is_refused_and_named(box: list[float], fault: str) -> None:
    frame = np.array([[0, 0, 1, 1], box], np.float32)
    with pytest.raises(DataError, match=f"box 1 .*{fault}"):
        check_boxes(frame)
    with pytest.raises(DataError, match=f"frame 1: box 1 .*{fault}"):
        clip(at((3, 3)), frame)
    tracker = IoUTracker()
    tracker.update(frame[:1])
    with pytest.raises(DataError):
        tracker.update(frame)
    assert tracker.update(frame[:1]).tolist() == [0]  # the refused frame left no trace


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 2, 4)])
def test_boxes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"not \(n, 4\)"):
        IoUTracker().update(np.ones(shape))


def test_scores_and_features_must_fit_the_boxes() -> None:
    with pytest.raises(DataError, match="one a box"):
        Detections([at((3, 3))], [np.ones(2, np.float32)])
    with pytest.raises(DataError, match="finite"):
        Detections([at((3, 3))], [np.full(1, np.nan, np.float32)])
    with pytest.raises(DataError, match="features"):
        IoUTracker(appearance=1.0).update(at((3, 3)))
    with pytest.raises(DataError, match="scores"):
        IoUTracker(birth_score=0.5).update(at((3, 3)), [1.0, 1.0])
    tracker = IoUTracker(appearance=1.0)
    tracker.update(at((3, 3)), features=[[0.5, 0.5]])
    with pytest.raises(DataError, match="features"):
        tracker.update(at((3, 3)), features=[[0.5, 0.5, 0.5]])
    assert tracker.update(at((3, 3)), features=[[0.5, 0.5]]).tolist() == [0]


def test_unknown_ways_are_refused() -> None:
    with pytest.raises(ConfigError, match="motion 'warp'"):
        IoUTracker(motion="warp")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="gate 'smell'"):
        IoUTracker(gate="smell")  # type: ignore[arg-type]


def test_ids_come_with_the_second_hit_and_tracks_with_the_first() -> None:
    frames = [at((20, 20)), at((20, 21), (60, 60)), at((60, 61), (20, 22))]
    tracker = IoUTracker()
    assert [tracker.update(boxes).tolist() for boxes in frames] == [[-1], [0, -1], [1, 0]]
    first, second = IoUTracker().track(clip(*frames))
    assert (first.id, first.frames.tolist(), first.rows.tolist()) == (0, [0, 1, 2], [0, 1, 4])
    assert (second.id, second.frames.tolist(), second.rows.tolist()) == (1, [1, 2], [2, 3])
    assert np.array_equal(second.boxes, at((60, 60), (60, 61)))


def test_prediction_bridges_a_gap_that_overlap_alone_does_not() -> None:
    path = [at((10 + 5 * frame, 30)) if frame not in (5, 6) else at() for frame in range(10)]
    assert len(IoUTracker().track(clip(*path))) == 1
    assert len(IoUTracker(motion="none").track(clip(*path))) == 2


def test_crossing_objects_keep_their_tracks() -> None:
    frames = [at((10 + 5 * frame, 30), (90 - 5 * frame, 33)) for frame in range(17)]
    for track in IoUTracker().track(clip(*frames)):
        assert len(track) == 17 and len(set(np.sign(np.diff(track.boxes[:, 0])))) == 1


def test_a_track_ends_after_its_age() -> None:
    def ids(gap: int) -> list[int]:
        tracker = IoUTracker(max_age=3)
        return [tracker.update(boxes).tolist() for boxes in [at((9, 9))] * 2 + [at()] * gap + [at((9, 9))] * 2][-1]

    assert ids(gap=3) == [0] and ids(gap=4) == [1]


def test_objects_too_fast_to_overlap_need_the_distance_gate() -> None:
    frames = clip(*(at((10 + 14 * frame, 30)) for frame in range(8)))
    assert IoUTracker().track(frames) == []
    assert [len(track) for track in IoUTracker(gate="distance", reach=2.0).track(frames)] == [8]


def test_a_turning_track_foresees_a_circle() -> None:
    angles = np.arange(12) * 1.0
    path = [at((60 + 20 * np.cos(angle), 60 + 20 * np.sin(angle))) for angle in angles]
    del path[7]  # a frame without a hit: from a circle's other side nothing is near
    path.insert(7, at())
    assert [len(track) for track in IoUTracker(motion="turning", gate="distance", reach=2.0).track(clip(*path))] == [11]
    model, state = Turning(), started(Turning(), path[0])
    for boxes in path[1:6]:
        model.predict(state)
        model.correct(state, seen_in(boxes))
    model.predict(state)
    assert boxes_of(state) == pytest.approx(path[6], abs=1e-3)


def test_size_and_appearance_tell_objects_apart() -> None:
    small, large = at((20, 20)), at((20, 20), side=16)
    assert len(IoUTracker().track(clip(*[small] * 3, *[large] * 3))) == 1
    assert len(IoUTracker(size_ratio=1.3).track(clip(*[small] * 3, *[large] * 3))) == 2
    red, blue = np.array([[1.0, 0, 0]], np.float32), np.array([[0, 0, 1.0]], np.float32)
    coloured = clip(*[small] * 6, features=[red] * 3 + [blue] * 3)
    assert len(IoUTracker().track(coloured)) == 1
    assert len(IoUTracker(appearance=0.5).track(coloured)) == 2


def test_a_box_of_low_score_goes_on_with_a_track_but_begins_none() -> None:
    tracker = IoUTracker(birth_score=0.5)
    tracker.update(at((20, 20)), [0.9])
    assert tracker.update(at((20, 20), (70, 70)), [0.1, 0.1]).tolist() == [0, -1]
    assert tracker.update(at((20, 20), (70, 70)), [0.1, 0.9]).tolist() == [0, -1]
    assert tracker.update(at((70, 70)), [0.9]).tolist() == [1]


def test_a_faint_box_must_overlap_by_more() -> None:
    tracker = IoUTracker(birth_score=0.5, faint_iou=0.6, min_hits=1)
    assert tracker.update(at((20, 20)), [0.9]).tolist() == [0]
    assert tracker.update(at((23, 20)), [0.1]).tolist() == [-1]
    assert tracker.update(at((21, 20)), [0.1]).tolist() == [0]
    assert tracker.update(at((25, 20)), [0.9]).tolist() == [0]


def test_empty_clips_and_crowds() -> None:
    assert IoUTracker().track(clip()) == [] and IoUTracker().track(clip(at(), at())) == []
    grid = at(*((12 * x, 12 * y) for x in range(20) for y in range(20)))
    tracks = IoUTracker().track(clip(grid, at(), grid, grid))
    assert len(tracks) == 400 and {len(track) for track in tracks} == {3}


@given(st.integers(0, 2**32 - 1), st.sampled_from(["none", "kalman", "turning"]), st.sampled_from(["iou", "distance"]))
@settings(max_examples=20, deadline=None)
def test_online_and_batch_agree_on_any_boxes(seed: int, motion: str, gate: str) -> None:
    rng = np.random.default_rng(seed)
    places = [rng.uniform(0, 50, (rng.integers(0, 9), 2)) for _ in range(12)]
    frames = clip(*(at(*place) for place in places))
    tracker = IoUTracker(motion=motion, gate=gate)  # type: ignore[arg-type]
    tracks = tracker.track(frames)
    tracker.reset()
    online = np.concatenate([tracker.update(boxes) for boxes in frames.boxes])
    batch = np.full(len(frames), -1)
    for track in tracks:
        assert (np.diff(track.frames) > 0).all() and len(track) >= 2
        batch[track.rows] = track.id
    assert np.array_equal(online[online >= 0], batch[online >= 0])
    assert (batch >= 0).sum() - (online >= 0).sum() == len(tracks)  # the first hit of each


def test_the_filter_is_the_textbook_one() -> None:
    noise, rng = Kalman(measured=2.0, place_noise=0.5, velocity_noise=0.2, unknown_place=3.0), np.random.default_rng(3)
    state = started(noise, at((5, 5)))
    mean, covariance = np.array([5.0, 0.0]), np.diag([3.0, noise.unknown_velocity])
    move, see = np.array([[1, 1], [0, 1]]), np.array([1, 0])
    for place in np.cumsum(rng.normal(2, 1, 6)) + 5:
        mean, covariance = move @ mean, move @ covariance @ move.T + np.diag([0.5, 0.2])
        gain = covariance @ see / (covariance[0, 0] + 2.0)
        mean, covariance = mean + gain * (place - mean[0]), covariance - np.outer(gain, see @ covariance)
        noise.predict(state)
        noise.correct(state, seen_in(at((place, 5))))
    assert state[[2, 0], 0] == pytest.approx(mean, rel=1e-5)
    assert state[6:, 0] == pytest.approx([covariance[1, 1], covariance[0, 1], covariance[0, 0]])
    assert boxes_of(state)[0] == pytest.approx([mean[0] - 5, 0, mean[0] + 5, 10], rel=1e-5)


@pytest.fixture(scope="module")
def scenes():
    return make_objects("standard", 12, 3, Window(frames=32, size_px=64)).recipe


def test_prediction_is_worth_its_while_on_objects(scenes) -> None:
    still, moving = measure(scenes, [IoUTracker.for_objects(motion=way) for way in ("none", "kalman")], "perturbed", 0)
    assert moving.idf1 > still.idf1 + 0.01 and moving.idf1 > 0.86 and moving.purity > 0.9


def test_spoiled_boxes_are_those_of_their_seed(scenes) -> None:
    objects = true_objects(scenes)[0]
    exact = true_detections(objects)
    assert len(exact) == objects.counts.sum() and exact.frame_count == 32
    flawless = Flaws(missed=0, hidden_missed=0, place_px=0, size_px=0, false_per_frame=0)
    spoiled, again, other = (
        perturbed_detections(objects, np.random.default_rng(seed), flaws)
        for seed, flaws in ((1, Flaws()), (1, Flaws()), (2, Flaws()))
    )
    assert all(map(np.array_equal, spoiled.boxes, again.boxes)) and not all(
        map(np.array_equal, spoiled.boxes, other.boxes)
    )
    same = perturbed_detections(objects, np.random.default_rng(1), flawless)
    for frame, boxes in enumerate(same.boxes):  # those of ignored objects may be among them
        assert np.isin(exact.boxes[frame], boxes).all()


def test_the_command(command: Command) -> None:
    status, said = command("track", "standard", "--clips", "4", "--seed", "1", "2", "--boxes", "truth", "--json")
    rows = json.loads(said)["rows"]
    assert status == 0 and [row["motion"] for row in rows] == ["none", "kalman"]
    assert all(len(row["scores"]) == 2 and 0 < row["scores"][0]["idf1"] <= 1 for row in rows)
    status, said = command("track", "standard", "--clips", "4")
    assert status == 0 and "IDF1" in said and len(said.splitlines()) == 6
    for words, why in (
        (["nowhere"], "no tier"),
        (["standard", "--clips", "0"], "clips"),
        (["easy", "--seed", "-1"], "seed"),
    ):
        status, said = command("track", *words)
        assert status == 2 and why in said and "Traceback" not in said
