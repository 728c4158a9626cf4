"""The prompt audit: what a language model is told of a clip is its evidence, and none of it is the truth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pytest

from tests.fixtures.stand_in import StandIn
from tests.language.noisy_clips import RECIPE, ROWS, evidence
from trainer.language.evidence import Evidence, View, class_only, without_visual
from trainer.language.providers.opening import open_describer, open_pair
from trainer.language.providers.prompt import Part, prompt
from trainer.language.truth import truths

TRUTHS = truths(RECIPE)
_FIGURE = re.compile(r"-?\d+(?:\.\d+)?")
Ask = Callable[[int], str]
"""Takes a row and returns every word that the model is told of that clip."""


def told(row: int) -> str:
    return "\n\n".join(prompt(evidence(row)))


def words(text: str) -> str:
    return _FIGURE.sub("#", text)


def figures_of(given: Evidence) -> Counter[str]:
    """What a prompt may say of a clip in figures, counted without looking at how a prompt is made."""
    assert given.track is not None and given.forecast is not None
    assert given.forecast_sd is not None and given.probabilities is not None
    view, z = given.view, given.depth_cue
    across = [(given.track[:, axis] - view.size_px / 2) * z / view.focal_px for axis in (0, 1)]
    times = [frame / view.fps for frame in range(view.frames + 5)]
    fine = [*given.probabilities, *times, *np.concatenate(across), *given.forecast.flat]
    coarse = [*given.track.flat, *z, *given.forecast_sd.flat]
    return Counter([*(f"{value:.3f}" for value in fine), *(f"{value:.2f}" for value in coarse)])


def audit(ask: Ask) -> None:
    """Hold prompts to their evidence: the same words for every clip, and no figure that is not of the evidence."""
    assert {words(ask(row)) for row in ROWS} == {words(told(0))}
    (nothing,) = without_visual([evidence(0)])
    common = Counter(_FIGURE.findall("\n\n".join(prompt(nothing))))
    for row in ROWS:
        assert Counter(_FIGURE.findall(ask(row))) == common + figures_of(evidence(row))


def test_a_prompt_is_its_evidence() -> None:
    audit(told)
    assert len({told(row) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_service_is_sent_its_evidence(provider: str) -> None:
    with StandIn(lambda _: "nothing") as server:
        describer = open_describer(getattr(server, provider)())
        for row in ROWS:
            describer.describe(evidence(row))
        audit(lambda row: server.asked[row].prompt)
        beside = {"openai": {"temperature"}, "anthropic": {"system"}}[provider]
        assert all(set(one.body) == {"model", "max_tokens", "messages"} | beside for one in server.asked)
        assert {one.body["model"] for one in server.asked} == {"stand-in"}


def test_another_truth_behind_the_same_evidence_changes_nothing() -> None:
    other = RECIPE.replace(label=(RECIPE.label + 1) % 4)
    assert [one.family for one in truths(other)] != [one.family for one in TRUTHS]
    assert [prompt(evidence(row, other)) for row in ROWS] == [prompt(evidence(row)) for row in ROWS]


def facts() -> dict[str, Callable[[int], object]]:
    """Each thing that is true of a clip, as somebody might add it to a prompt."""
    by_slot: dict[str, Callable[[int], object]] = {
        slot: lambda row, slot=slot: asdict(TRUTHS[row].claims)[slot] for slot in asdict(TRUTHS[0].claims)
    }
    return by_slot | {
        "label": lambda row: int(RECIPE.label[row]),
        "class": lambda row: RECIPE.class_names[RECIPE.label[row]],
        "position": lambda row: round(float(TRUTHS[row].path[-1, 0]), 4),
        "motion": lambda row: TRUTHS[row].motion.centre,
    }


@pytest.mark.parametrize("fact", facts())
def test_the_audit_sees_a_truth_that_is_added(fact: str) -> None:
    with pytest.raises(AssertionError):
        audit(lambda row: f"{told(row)}\n{facts()[fact](row)}")


@pytest.mark.parametrize(
    "name", [field.name for field in fields(Evidence) if field.name not in ("view", "class_names")]
)
def test_each_part_of_the_evidence_is_told_or_said_to_be_missing(name: str) -> None:
    whole = evidence(0)
    less = replace(whole, **{name: None})
    more = replace(whole, **{name: getattr(whole, name) + 0.3})
    assert len({prompt(whole), prompt(less), prompt(more)}) == 3


def test_evidence_has_no_place_for_a_truth() -> None:
    """A new field is a new thing that a model may be told: look at it here."""
    assert {field.name for field in fields(Evidence)} == {
        *("view", "class_names", "probabilities", "forecast", "forecast_sd", "track")
    }
    assert {field.name for field in fields(View)} == {"focal_px", "size_px", "sphere_radius", "frames", "fps"}


@pytest.mark.parametrize("other", [TRUTHS[0], RECIPE, asdict(evidence(0)), None])
def test_whatever_is_no_evidence_is_refused(other: Any) -> None:
    with pytest.raises(TypeError, match=f"of Evidence alone, not of {type(other).__name__}"):
        prompt(other)


def test_a_pair_asks_each_for_its_part_of_the_same_evidence() -> None:
    with StandIn(
        lambda asked: "TEXT: words" if "TEXT:" in asked else "EQUATION: x(t) = 1; y(t) = 2; z(t) = 3"
    ) as server:
        said = open_pair(server.openai("phi"), server.anthropic("wizard")).describe(evidence(0))
        assert said.provider == f"{server.openai('phi')} + {server.anthropic('wizard')}"
    assert (said.equation, said.text) == ("x(t) = 1; y(t) = 2; z(t) = 3", "words")
    text, equation = (one.prompt for one in server.asked)
    assert "EQUATION:" not in text and "CLAIMS:" in text and "TEXT:" not in equation
    assert said.usage.input_tokens == len(text) // 4 + len(equation) // 4 and said.usage.cost_usd is None
    assert said.problem.endswith("the answer has no claims")


def test_less_evidence_is_less_prompt_and_all_of_it_fits_a_small_model() -> None:
    """Below 4,000 characters where a digit is a token, of 2,048: words are four characters a token."""
    whole = evidence(0)
    (bare,), (classes,) = without_visual([whole]), class_only([whole])
    sizes = [len("".join(prompt(one))) for one in (bare, classes, whole)]
    assert sizes == sorted(sizes) and "not given" in prompt(bare)[1]
    frames = replace(whole.view, frames=32)
    assert whole.track is not None
    longest = "".join(prompt(replace(whole, view=frames, track=np.tile(whole.track, (2, 1))), Part.ALL))
    assert len(longest) < 4000 and len(re.findall(r"[\d.]", longest)) + len(longest) / 4 < 2048 - 400
