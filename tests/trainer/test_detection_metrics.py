"""Figures of detection, known by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from trainer.errors import DataError
from trainer.objects.detection_metrics import average_precision, detection_scores, match_detections
from trainer.objects.detections import Detections
from trainer.objects.perturbed import true_detections
from trainer.objects.true_objects import TrueObjects

A, B, C = [0, 0, 4, 4], [10, 10, 14, 14], [20, 20, 24, 24]
NOWHERE = [40, 40, 44, 44]
EMPTY = np.zeros((0, 4), np.float32)


def objects(visible: dict[int, float], boxes: Sequence[list[int]] = (A, B, C)) -> TrueObjects:
    """Three objects in one frame; those that `visible` does not name are entirely seen."""
    m = len(boxes)
    share = np.array([[visible.get(row, 1.0)] for row in range(m)], np.float32)
    colours = np.zeros((m, 3), np.uint8)
    counts = share >= 0.25
    place = np.array(boxes, np.float32)[:, None]
    return TrueObjects(np.arange(m), colours[:, 0], colours, place, share, counts, ~counts & (share > 0))


def given(*boxes: tuple[list[int], float]) -> Detections:
    return Detections([np.array([box for box, _ in boxes], np.float32).reshape(-1, 4)],
                      [np.array([score for _, score in boxes], np.float32)])  # fmt: skip


def figures(truth: TrueObjects, found: Detections):
    return detection_scores([match_detections(truth, found)])


def test_true_boxes_are_perfect() -> None:
    found = figures(objects({}), true_detections(objects({})))
    assert (found.recall, found.precision, found.average_precision, found.false_per_frame) == (1, 1, 1, 0)


def test_misses_and_false_boxes() -> None:
    found = figures(objects({}), given((A, 0.9), (B, 0.8), (NOWHERE, 0.7)))
    assert found.recall == pytest.approx(2 / 3) and found.precision == pytest.approx(2 / 3)
    assert found.false_per_frame == 1 and found.average_precision == pytest.approx(2 / 3)


def test_a_second_box_on_an_object_is_false_and_the_surer_one_counts() -> None:
    shifted = [1, 0, 5, 4]
    matches = match_detections(objects({}), given((A, 0.5), (shifted, 0.9)))
    assert matches.hits.tolist() == [False, True] and np.isfinite(matches.found_by).tolist() == [True, False, False]


def test_a_box_takes_another_object_where_its_best_is_taken() -> None:
    near = objects({}, [A, [1, 0, 5, 4]])
    assert match_detections(near, given((A, 0.9), (A, 0.8))).hits.all()


def test_an_ignored_object_is_neither_hit_nor_missed_nor_taken_before_one_that_counts() -> None:
    hidden = objects({1: 0.1})
    found = figures(hidden, given((A, 0.9), (B, 0.8), (C, 0.7)))
    assert (found.recall, found.precision, found.objects, found.boxes) == (1, 1, 2, 2)
    assert figures(hidden, given((A, 0.9), (C, 0.7))).recall == 1
    assert figures(hidden, given((B, 0.8), (B, 0.7))).boxes == 1  # one is excused, the other false
    nearer = objects({0: 0.1}, [A, [1, 0, 5, 4]])
    assert figures(nearer, given((A, 0.9))).recall == 1


def test_figures_of_boxes_from_a_score_on() -> None:
    matches = match_detections(objects({}), given((A, 0.9), (NOWHERE, 0.5), (B, 0.2)))
    every, sure = (detection_scores([matches], threshold) for threshold in (0.1, 0.3))
    assert (every.recall, every.boxes) == (pytest.approx(2 / 3), 3)
    assert (sure.recall, sure.precision, sure.boxes) == (pytest.approx(1 / 3), 0.5, 2)
    assert sure.average_precision == every.average_precision


def test_recall_by_share_seen() -> None:
    found = figures(objects({0: 0.3, 1: 0.5}), given((A, 0.9), (C, 0.9)))
    assert found.recall_by_visible == {"0.25 to 0.5": 1.0, "0.5 to 0.9": 0.0, "above 0.9": 1.0, "above 0.75": 1.0}


def test_average_precision_by_hand() -> None:
    hits = np.array([True, False, True, False, True])
    # Precision 1, 2/3, 3/5 where recall rises to 1/4, 2/4, 3/4; the fourth object is never found.
    assert average_precision(np.linspace(1, 0, 5), hits, 4) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert average_precision(np.linspace(1, 0, 5), ~hits, 4) == pytest.approx((1 / 2 + 1 / 2) / 4)
    assert average_precision(np.ones(2), np.array([True, False]), 1) == average_precision(
        np.ones(2), np.array([False, True]), 1
    )


def test_nothing_given_and_nothing_there() -> None:
    nothing = Detections([EMPTY], [np.zeros(0, np.float32)])
    found = figures(objects({}), nothing)
    assert found.recall == 0 and math.isnan(found.precision) and found.average_precision == 0
    empty = figures(objects({0: 0, 1: 0, 2: 0}), given((A, 0.5)))
    assert math.isnan(empty.recall) and empty.precision == 0 and empty.false_per_frame == 1
    assert math.isnan(detection_scores([]).recall)


def test_another_number_of_frames_is_refused() -> None:
    with pytest.raises(DataError, match="2 frames for a clip of 1"):
        match_detections(objects({}), Detections([EMPTY] * 2, [np.zeros(0, np.float32)] * 2))
