"""Probes find what is there, find nothing where nothing is, and never learn a scene by heart."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.probes import Probe, run_probe

RNG = np.random.default_rng(5)
LABEL = np.arange(800) % 4
SCENE = np.arange(800)


def probe(features: np.ndarray, label: np.ndarray = LABEL, scene: np.ndarray = SCENE, **options: float) -> Probe:
    return Probe("it", features, label, scene, **options)


def test_noise_tells_nothing() -> None:
    outcome = run_probe(probe(RNG.normal(size=(800, 3))))
    assert outcome is not None and outcome.status == "ok"
    assert outcome.low < 0.25 < outcome.high and outcome.limit == pytest.approx(0.325)


def test_a_clear_feature_among_noise_is_found_whatever_its_unit() -> None:
    features = np.column_stack([RNG.normal(size=800), 1e-3 * (LABEL + 0.1 * RNG.normal(size=800))])
    outcome = run_probe(probe(features))
    assert outcome is not None and outcome.accuracy > 0.95 and outcome.status == "fail" and outcome.high <= 1


def test_what_only_seems_above_the_limit_is_flagged() -> None:
    features = RNG.normal(size=(800, 1))
    outcome = run_probe(probe(features))
    assert outcome is not None
    seeming = run_probe(probe(features, limit=outcome.accuracy - 0.01))
    assert seeming is not None and seeming.status == "flag"


def test_a_rare_class_weighs_as_much_as_a_frequent_one() -> None:
    """Always guessing the frequent class is right in 95 % of all clips, and has no skill."""
    label = (np.arange(2000) % 20 == 0).astype(np.int64)
    outcome = run_probe(probe(RNG.normal(size=(2000, 2)), label, np.arange(2000)))
    assert outcome is not None and abs(outcome.accuracy - 0.5) < 0.1 and outcome.chance == 0.5


def test_views_of_a_scene_are_never_on_both_sides() -> None:
    """Ten views a scene, each telling its scene exactly: with views on both sides this scores 100 %."""
    scene = np.repeat(np.arange(80), 10)
    label = np.repeat(RNG.permutation(np.arange(80) % 4), 10)
    features = RNG.normal(size=(80, 5))[scene]
    outcome = run_probe(probe(features, label, scene))
    assert outcome is not None and outcome.accuracy < 0.45


def test_too_few_clips_are_said_to_be_too_few() -> None:
    assert run_probe(probe(np.zeros((4, 1)), np.arange(4), np.arange(4))) is None
    assert run_probe(probe(np.zeros((4, 1)), np.zeros(4, np.int64), np.arange(4))) is None
