"""What the frames before say of a box, and that one object has one box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from renderer.catalogue import Wanted, make
from renderer.video import render
from trainer.objects.detections import Detections
from trainer.objects.detector import Detector
from trainer.objects.learned import LearnedDetector
from trainer.objects.over_frames import over_frames
from trainer.objects.seen_once import seen_once

RED, GREEN = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1)
NOTHING = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 3), np.float32))
Sight = tuple[float, float, float, float, tuple[float, float, float]]
"""Centre, side, score and colour."""


def clip(frames: Sequence[Sequence[Sight]]) -> Detections:
    parts = []
    for frame in frames:
        boxes = [(x - side / 2, y - side / 2, x + side / 2, y + side / 2) for x, y, side, _, _ in frame]
        columns = (boxes, [one[3] for one in frame], [one[4] for one in frame])
        parts.append([np.array(part, np.float32) for part in columns] if frame else NOTHING)
    return Detections(*zip(*parts, strict=True)) if parts else Detections([], [], [])


def drifting(scores: Sequence[float], side: Sequence[float] | float = 5.0, colour: tuple[float, float, float] = RED,
             step: float = 0.4) -> list[list[Sight]]:  # fmt: skip
    """One thing, a frame a score."""
    sides = [side] * len(scores) if isinstance(side, float) else side
    return [[(20 + step * t, 30.0, sides[t], score, colour)] for t, score in enumerate(scores)]


def scores_of(found: Detections) -> list[float]:
    return np.concatenate(found.scores).tolist()


def looked(frames: Sequence[Sequence[Sight]]) -> Detections:
    return over_frames(clip(frames), 64, 64)


def flat(found: Detections) -> np.ndarray:
    """Every box with its score and colour, (N, 8)."""
    assert found.features is not None
    rows = [np.column_stack(parts) for parts in zip(found.boxes, found.scores, found.features, strict=True)]
    return np.concatenate([np.zeros((0, 8), np.float32), *rows])


def same(one: Detections, other: Detections) -> bool:
    return np.array_equal(flat(one), flat(other)) and np.array_equal(one.frames, other.frames)


def test_one_frame_in_which_clutter_looks_like_an_object_is_no_object() -> None:
    scores = scores_of(looked(drifting([0.02] * 6 + [0.97] + [0.02] * 3)))
    assert max(scores) < 0.8 and scores[6] == max(scores), "it is believed less, and not out of the world"
    assert max(scores[:6]) < 0.03 and max(scores[8:]) < 0.05, "its other frames are hardly touched"


def test_a_weak_frame_of_an_object_is_believed_and_its_box_mended() -> None:
    found = looked(drifting([0.99] * 6 + [0.6] + [0.99], side=[5.0] * 6 + [7.5, 5.0]))
    scores, sides = scores_of(found), [float(boxes[0, 2] - boxes[0, 0]) for boxes in found.boxes]
    assert scores[6] > 0.9 and min(scores[:6]) > 0.985
    assert 5.5 < sides[6] < 6.5 and sides[:6] == pytest.approx([5.0] * 6, abs=1e-5)
    left, top, right, bottom = found.boxes[6][0]
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((22.4, 30.0), abs=1e-5), "the centre is its own"


def test_what_is_seen_once_stays_as_it_is_to_the_bit() -> None:
    frames: list[list[Sight]] = [[], [(20.0, 30.0, 5.0, 0.99999, RED)], [], [], [(20.0, 30.0, 5.0, 0.3, GREEN)], []]
    assert same(looked(frames), clip(frames))


def test_what_is_too_fast_to_be_linked_stays_as_it_is() -> None:
    frames = drifting([0.95, 0.6, 0.99, 0.2], step=8.0)
    assert same(looked(frames), clip(frames))


def test_an_object_that_passes_clutter_of_another_colour_leaves_it_what_it_is() -> None:
    frames: list[list[Sight]] = [
        [(14 + 2.0 * t, 30.0, 5.0, 0.99, RED), (20.0, 30.0, 5.0, 0.01, GREEN)] for t in range(7)
    ]
    found = looked(frames)
    assert all(scores[0] > 0.98 and scores[1] < 0.02 for scores in found.scores)


@pytest.mark.parametrize("frames", [[], [[]], [[], [], []]])
def test_no_frames_and_frames_without_boxes(frames: list[list[Sight]]) -> None:
    found = looked(frames)
    assert found.frame_count == len(frames) and len(found) == 0 and len(seen_once(clip(frames))) == 0


def test_no_later_frame_and_no_other_clip_changes_anything() -> None:
    rng = np.random.default_rng(3)
    frames = [
        [(20 + 0.5 * t + 9 * n, 20 + 8.0 * n, 5 + rng.normal(0, 0.3), rng.uniform(0.01, 0.99), RED) for n in range(3)]
        for t in range(9)
    ]
    whole = looked(frames)
    looked(drifting([0.5] * 4))
    assert same(looked(frames), whole) and not same(whole, clip(frames))
    for until in (1, 4, 8):
        assert np.array_equal(flat(looked(frames[:until])), flat(whole)[whole.frames < until])


def test_boxes_stay_within_the_picture() -> None:
    frames: list[list[Sight]] = [[(32.0, 32.0, 40.0, 0.9, RED)], [(32.0, 32.0, 50.0, 0.9, RED)]]
    found = over_frames(clip(frames), 44, 64)
    assert found.boxes[1][0, 1] >= 0 and found.boxes[1][0, 3] <= 44


def test_of_two_boxes_on_one_object_the_surer_is_kept() -> None:
    twice: list[Sight] = [(20.0, 30.0, 5.0, 0.91, RED), (20.8, 30.0, 5.5, 0.99, RED)]
    assert scores_of(seen_once(clip([twice]))) == [pytest.approx(0.99)]
    assert len(seen_once(clip([[twice[0], twice[0]]]))) == 1, "one of two that are equally sure"
    other = [twice[0], (*twice[1][:4], GREEN)]
    assert len(seen_once(clip([other]))) == 2, "objects of two colours may overlap"
    apart = [twice[0], (23.5, 30.0, 5.0, 0.99, RED)]
    assert len(seen_once(clip([apart]))) == 2 and len(seen_once(clip([[twice[0]], [twice[1]]]))) == 2


def test_a_detector_takes_the_frames_before_into_account_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.objects.detector.LEAST_HEAT", 0.009)  # untrained it is sure of nothing
    video = render(make(Wanted("objects", "standard", 1, 3, frames=32)).recipe)[0][:6, :, 16:48, 16:48]
    over = LearnedDetector(Detector(0.25).eval(), 64, threshold=0.0)
    alone = LearnedDetector(over.model, 64, threshold=0.0, single_frame=True)
    found, single = over.detect(video), alone.detect(video)
    assert len(found) == len(single) > 20 and scores_of(found) != scores_of(single)
    assert same(over.detect(video[:1]), alone.detect(video[:1])), "in the first frame there is nothing before"
    monkeypatch.setattr("trainer.objects.learned.FRAMES_AT_ONCE", 4)
    assert np.allclose(flat(over.detect(video)), flat(found), atol=1e-4), "in parts as at once"
    middle = float(np.float32(np.quantile(scores_of(found), 0.5, method="lower")))
    sure = scores_of(over.at(middle).detect(video))
    assert 0 < len(sure) < len(found) and min(sure) >= middle
