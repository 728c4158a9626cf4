"""The truth of a clip is a record of its own, and no describer takes it or hears of it."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from renderer.motion import Family
from renderer.trajectories import make_recipe
from tests.language.clips import seen
from trainer.language.describer import Usage
from trainer.language.evidence import Evidence
from trainer.language.rules import RulesDescriber
from trainer.language.truth import Truth, truths

RECIPE = make_recipe("medium", 8, 2).recipe


def test_the_truth_is_that_of_the_clip() -> None:
    rows = np.array([5, 1])
    for row, truth in zip(rows, truths(RECIPE, rows), strict=True):
        assert truth.family == RECIPE.label[row] and truth.claims.family == RECIPE.class_names[RECIPE.label[row]]
        assert truth.path == pytest.approx(RECIPE.camera_path()[row])
        assert truth.motion.positions(RECIPE.window.times_s)[0] == pytest.approx(truth.path)


def test_truth_and_evidence_have_no_type_and_no_field_in_common() -> None:
    assert not issubclass(Truth, Evidence) and not issubclass(Evidence, Truth)
    assert not {item.name for item in fields(Truth)} & {item.name for item in fields(Evidence)}


@pytest.mark.parametrize("other", [truths(RECIPE)[0], RECIPE, asdict(seen(RECIPE, 0)), None, "linear"])
def test_the_rules_refuse_whatever_is_no_evidence(other: object) -> None:
    with pytest.raises(TypeError, match=f"Evidence alone, not {type(other).__name__}"):
        RulesDescriber().describe(other)  # type: ignore[arg-type]


def test_another_truth_behind_the_same_evidence_changes_nothing() -> None:
    """A helix whose record says that it is a circle."""
    row = int(np.flatnonzero(RECIPE.label == Family.HELICAL)[0])
    other = RECIPE.replace(label=np.where(RECIPE.label == Family.HELICAL, Family.CIRCULAR, RECIPE.label))
    assert truths(RECIPE)[row].family is not truths(other)[row].family
    assert truths(RECIPE)[row].claims != truths(other)[row].claims
    first, second = (RulesDescriber().describe(seen(recipe, row)) for recipe in (RECIPE, other))
    assert first.claims["family"] == "helical" and replace(first, usage=Usage()) == replace(second, usage=Usage())
