"""A description is worth what its claims are, and nothing where they or its prose say two things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from renderer.descriptions import SIDES, sentences
from renderer.motion import Family, Motion
from renderer.trajectories import make_recipe
from trainer.language.claim_scores import SLOTS, score_claims
from trainer.language.describer import Description
from trainer.language.prose_claims import SENSES, directions_in, families_in, numbers_in
from trainer.language.truth import Truth, truths

TRUTHS = truths(make_recipe("medium", 120, 4).recipe)
ONE_OF_EACH = {family: next(truth for truth in TRUTHS if truth.family is family) for family in Family}


def told(truth: Truth, **changes: Any) -> Description:
    """The true claims and their prose, but for some changes of the claims, and `text` if given."""
    text = changes.pop("text", sentences(truth.claims, truth.window))
    return Description(text=text, claims=asdict(truth.claims) | changes)


def test_the_truth_is_right_and_coherent() -> None:
    for truth in TRUTHS:
        score = score_claims(told(truth), truth)
        assert score.f1 == score.precision == score.recall == 1 and score.coherent


def test_the_text_of_another_clip_is_worth_what_chance_is() -> None:
    scores = [score_claims(told(TRUTHS[row - 60]), truth) for row, truth in enumerate(TRUTHS)]
    assert 0.05 < np.mean([score.f1 for score in scores]) < 0.35
    assert all(score.coherent for score in scores)


WORDS = " ".join([*(truth.claims.family for truth in TRUTHS[:40]), *SENSES, *sum(SIDES, ())])
LADDER = [round(0.05 * step, 2) for step in range(1, 120)]
STUFFED: list[Mapping[str, Any]] = [
    dict.fromkeys(SLOTS, WORDS) | dict.fromkeys(SLOTS[2:], LADDER),
    {"family": [family.name.lower() for family in Family], "direction": ["right", "left", "up", "down"]},
    {"family": "linear or circular or helical or parabolic", "extent": "0.5 or 1.0", "speed": [1, 2, 3, 4]},
    {},
]


@pytest.mark.parametrize("claims", STUFFED)
def test_keyword_stuffing_scores_nothing(claims: Mapping[str, Any]) -> None:
    for truth in TRUTHS[:20]:
        score = score_claims(Description(text=WORDS, claims=claims), truth)
        assert score.f1 == 0 and not score.coherent and score.right == ()


def test_stuffed_prose_beside_right_claims_makes_its_slots_wrong() -> None:
    for truth in ONE_OF_EACH.values():
        score = score_claims(told(truth, text=WORDS), truth)
        assert {"family", "direction"} <= set(score.contradicted) and not score.coherent
        assert not {"family", "direction"} & set(score.right)


def test_precision_recall_and_f1_by_hand() -> None:
    line = ONE_OF_EACH[Family.LINEAR]
    score = score_claims(told(line, speed=line.claims.speed * 1.5, direction=None, text=""), line)
    assert score.said == ("family", "extent", "speed") and score.right == ("family", "extent")
    assert score.wanted == ("family", "direction", "extent", "speed")
    assert (score.precision, score.recall, score.f1) == (2 / 3, 2 / 4, 4 / 7) and score.coherent


@pytest.mark.parametrize(
    ("family", "slot", "share", "right"),
    [
        (family, slot, share, right)
        for family, slots in ((Family.PARABOLIC, ("extent", "speed", "apex_s")), (Family.HELICAL, ("turns", "radius")))
        for slot in slots
        for share, right in ((0.09, True), (0.11, False))
    ],
)
def test_a_number_may_be_off_by_a_tenth(family: Family, slot: str, share: float, right: bool) -> None:
    truth = ONE_OF_EACH[family]
    true = getattr(truth.claims, slot)
    off = share * (truth.window.length_s if slot == "apex_s" else true)
    assert (slot in score_claims(told(truth, text="", **{slot: true + off}), truth).right) is right


@pytest.mark.parametrize(
    ("velocity", "words", "right"),
    [
        ((1, 0, 0), "right", True),
        ((1, 0, 0), "to the right", True),
        ((1, 0, 0), "left", False),
        ((1, 0, 0), "right and away", False),
        ((1, 0, 0.3), "right and away", True),
        ((1, 0, 0.4), "right", True),
        ((1, 0, 0.8), "right", False),
        ((1, 0, 0.8), "away, rightwards", True),
        ((1, 0, -0.8), "right, towards the camera", True),
        ((1, 0, 0), "towards the right", True),
        ((1, 0, 0.8), "right and closer", False),
        ((0, -1, 0), "upward", True),
        ((0, 1, 0), "clockwise", False),
        ((0, 1, 0), "sideways", False),
    ],
)
def test_a_direction_is_right_by_its_words(velocity: tuple[float, ...], words: str, right: bool) -> None:
    line = ONE_OF_EACH[Family.LINEAR]
    motion = Motion(**{**vars(line.motion), "velocity": np.array([velocity], float)})
    score = score_claims(told(line, text="", direction=words), replace(line, motion=motion))
    assert ("direction" in score.right) is right


def test_the_sense_of_a_circle() -> None:
    circle = ONE_OF_EACH[Family.CIRCULAR]
    wrong = next(sense for sense in SENSES if sense != circle.claims.direction)
    assert "direction" in score_claims(told(circle), circle).right
    assert "direction" not in score_claims(told(circle, text="", direction=wrong), circle).right
    assert "direction" in score_claims(told(circle, direction=wrong), circle).contradicted
    assert not score_claims(told(circle, text="", direction="clockwise, counter-clockwise"), circle).coherent


@pytest.mark.parametrize(
    ("family", "text", "contradicted"),
    [
        (Family.HELICAL, "A helix: circular motion with a linear advance.", ()),
        (Family.HELICAL, "A helix, or a parabola.", ("family",)),
        (Family.PARABOLIC, "A parabola or a circle.", ("family",)),
        (Family.CIRCULAR, "A helix.", ("family",)),
        (Family.LINEAR, "It is not a circle but a straight line.", ()),
        (Family.LINEAR, "It moves in a spiral rather than a line.", ("family",)),
        (Family.LINEAR, "Its speed is {speed:.1f} half-sides per second.", ()),
        (Family.LINEAR, "It moves at about 9.5 a second, spanning {extent:.2f}.", ("speed",)),
        (Family.LINEAR, "Over 0.67 s it covers roughly 7.7 half-sides.", ("extent",)),
        (Family.LINEAR, "The sphere's radius is 0.11.", ()),
        (Family.PARABOLIC, "It rises up and falls down, its apex at {apex_s:.2f} s, from {speed:.2f} a second.", ()),
        (Family.PARABOLIC, "At first {speed:.2f} a second, later 9.9 a second.", ()),
        (Family.PARABOLIC, "It is highest point reached at 9.8 s.", ("apex_s",)),
        (Family.CIRCULAR, "It makes {turns:.2f} turns, each of radius {radius:.2f}.", ()),
        (Family.CIRCULAR, "It makes 7 full turns with a radius of 0.01.", ("turns", "radius")),
    ],
)
def test_prose_is_held_against_the_claims(family: Family, text: str, contradicted: tuple[str, ...]) -> None:
    truth = ONE_OF_EACH[family]
    score = score_claims(told(truth, text=text.format(**asdict(truth.claims))), truth)
    assert score.contradicted == contradicted and score.coherent is not bool(contradicted)
    assert not set(contradicted) & set(score.right)


def test_a_slot_that_the_claimed_family_lacks_is_a_contradiction() -> None:
    line = ONE_OF_EACH[Family.LINEAR]
    assert score_claims(told(line, radius=0.4, apex_s=0.2), line).contradicted == ("radius", "apex_s")
    assert score_claims(told(line, radius=0, turns=0.0), line).coherent


@pytest.mark.parametrize(
    "claims",
    [
        {"family": None, "speed": None},
        {"family": {"linear": 1}, "speed": {}, "extent": []},
        {"family": 7, "direction": 3.5, "extent": True, "speed": "fast", "turns": "NaN", "radius": float("nan")},
        {"family": "\x1b[2J", "direction": "\x00", "extent": float("inf"), "speed": 10**400, "apex_s": "9" * 9999},
        {"family": "banana", "direction": "sideways", "banana": [[[]]]},
    ],
)
def test_any_claims_get_a_score(claims: Mapping[str, Any]) -> None:
    score = score_claims(Description(text="\x1b[2J" + "9" * 5000, claims=claims), TRUTHS[0])
    assert score.right == () and score.f1 == 0


def test_simple_claims_are_found_in_prose() -> None:
    text = (
        "It spins counter-clockwise, 1.25 turns, radius of about 0.40 half-sides, at 5.20 half-sides/s, spanning 0.8."
    )
    assert directions_in(text) == {"counter-clockwise"} and families_in(text) == set()
    assert {slot: numbers for slot, numbers in numbers_in(text).items() if numbers} == {
        "turns": [1.25], "radius": [0.4], "speed": [5.2], "extent": [0.8],
    }  # fmt: skip
    for truth in TRUTHS[:40]:
        prose = sentences(truth.claims, truth.window, ("speed", "radius", "turns", "extent", "apex_s"))
        for slot, numbers in numbers_in(prose).items():
            said = getattr(truth.claims, slot)
            assert numbers == ([] if said is None else [pytest.approx(said, abs=0.006)])
        assert families_in(prose) == {truth.claims.family}
