"""The rules say what the evidence says, with doubts where it leaves some, and of less evidence less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from renderer.trajectories import make_recipe
from tests.language.clips import seen
from trainer.language.claim_scores import score_claims
from trainer.language.equation_scores import score_equation
from trainer.language.evidence import Evidence, class_only, without_visual
from trainer.language.rules import RulesDescriber
from trainer.language.truth import truths

RECIPE = make_recipe("medium", 4, 6).recipe
TRUTHS = truths(RECIPE)
CLIPS = [seen(RECIPE, row) for row in range(len(RECIPE))]
RULES = RulesDescriber()


@pytest.mark.parametrize("row", range(len(RECIPE)))
def test_a_track_without_error_gives_the_path(row: int) -> None:
    said = RULES.describe(CLIPS[row])
    equation, claims = score_equation(said.equation, TRUTHS[row]), score_claims(said, TRUTHS[row])
    assert equation.parameters and equation.rmse and claims.f1 == 1 and claims.coherent
    assert said.provider == RULES.name == "rules" and said.problem == "" and said.usage.seconds > 0
    assert "about" not in said.text and "sure" not in said.text


def test_a_noisy_track_is_described_with_doubts_and_without_contradictions() -> None:
    rng = np.random.default_rng(0)
    noisy = [replace(one, track=one.track + rng.normal(0, (1.0, 1.0, 0.3), one.track.shape)) for one in CLIPS]
    said = [RULES.describe(one) for one in noisy]
    assert any("about" in one.text for one in said)
    for one, truth in zip(said, TRUTHS, strict=True):
        assert score_equation(one.equation, truth).parses and score_claims(one, truth).coherent


def test_the_class_alone_gives_the_family_and_no_equation() -> None:
    share = np.array([0.02, 0.9, 0.05, 0.03])
    said = RULES.describe(class_only([replace(CLIPS[0], probabilities=share)])[0])
    assert said.claims == {"family": "circular"} and "circular" in said.text and "90%" in said.text
    assert said.equation == "" and said.problem.startswith("no equation")


def test_without_visual_evidence_nothing_is_claimed() -> None:
    said = RULES.describe(without_visual(CLIPS)[0])
    assert said.equation == "" and said.claims == {} and said.problem
    assert said.text == "Nothing was seen of this clip."


def test_a_forecast_alone_is_said_to_be_one() -> None:
    path = RECIPE.camera_path()[0, -5:]
    said = RULES.describe(replace(CLIPS[0], track=None, forecast=path, forecast_sd=np.full((5, 3), 0.02)))
    assert score_equation(said.equation, TRUTHS[0]).parses and "from the forecast alone" in said.text


def test_what_does_not_move_is_described_all_the_same() -> None:
    still: Evidence = replace(CLIPS[0], track=np.tile(CLIPS[0].track[:1], (len(CLIPS[0].track), 1)))
    said = RULES.describe(still)
    assert score_equation(said.equation, TRUTHS[0]).parses
