"""What a language model writes, taken apart: tolerant of form, strict in content, harmless on a screen."""

from __future__ import annotations

import json

import pytest

from tests.language.noisy_clips import evidence
from trainer.language.describer import Usage
from trainer.language.providers.answer import MAX_ANSWER, Parts, take_apart
from trainer.language.providers.describer import AskingDescriber
from trainer.language.providers.plain import one_line, plain
from trainer.language.providers.prompt import Part
from trainer.language.providers.writer import Answer

LINE = "x(t) = 0.5*t; y(t) = -0.2; z(t) = 3 + 0.1*t"
CLAIMS = {"family": "linear", "direction": "right", "extent": 0.4, "speed": 0.5, "turns": None}
JSON = json.dumps(CLAIMS)


@pytest.mark.parametrize(
    "answer",
    [
        f"EQUATION: {LINE}\nTEXT: It moves right.\nCLAIMS: {JSON}",
        f"**Equation:** {LINE}\n\n**Text:** It moves right.\n\n**Claims:**\n```json\n{JSON}\n```\n",
        f"## Equation\n{LINE}\n## Text\nIt moves right.\n## Claims\n{json.dumps(CLAIMS, indent=2)}",
        f"<think>x(t) = 7? EQUATION: no</think>\nTEXT: It moves right.\nCLAIMS: {JSON}\nEQUATION: {LINE}",
        f"It moves right.\n{LINE}\n{JSON}",
    ],
)
def test_parts_are_found_in_the_forms_that_models_write(answer: str) -> None:
    assert take_apart(answer) == Parts(LINE, "It moves right.", CLAIMS)


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ("", Parts("", "", {})),
        ("I cannot help with that.", Parts("", "I cannot help with that.", {})),
        ("EQUATION: it goes round and round", Parts("it goes round and round", "", {})),
        ('{"note": "no claim of ours"}', Parts("", '{"note": "no claim of ours"}', {})),
        ("{" * 5000, Parts("", "{" * 1999 + "…", {})),
        ('TEXT: a\nCLAIMS: {"family": "linear",', Parts("", "a", {})),
    ],
)
def test_what_is_not_there_is_empty_and_never_made_up(answer: str, parts: Parts) -> None:
    assert take_apart(answer) == parts


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('{"family": "linear", "family": "helical"}', {"family": ["linear", "helical"]}),
        ('{"family": "linear"} {"family": "helical"}', {"family": ["linear", "helical"]}),
        ('{"family": ["linear", "helical"], "speed": [1]}', {"family": ["linear", "helical"], "speed": 1}),
        ('{"family": "linear", "label": 3, "speed": true, "extent": {"a": 1}}', {"family": "linear"}),
        ('{"family": "linear", "speed": NaN}', {}),
        ('{"family": "linear", "speed": 1e999, "turns": "1.5"}', {"family": "linear", "turns": "1.5"}),
    ],
)
def test_claims_are_json_of_our_slots_and_two_values_stay_two(given: str, read: dict[str, object]) -> None:
    assert take_apart(f"CLAIMS: {given}").claims == read


def test_an_answer_does_nothing_to_a_terminal() -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0=\x1b\\\u202ered\x9b31m\x00\x07\u200b"
    said = take_apart(f"EQUATION: {nasty}{LINE}\nTEXT: moves{nasty} on\r\nCLAIMS: {json.dumps({'family': nasty})}")
    shown = f"{said.equation}{said.text}{said.claims}".replace("\n", "")
    assert shown.isprintable() and said.equation.endswith(LINE) and "owned" not in shown and "cm0" not in shown


def test_plain_text_stays_and_what_is_cut_says_so() -> None:
    assert plain("−2·π²  für\n\tx", 99) == "−2·π²  für\n x"
    assert plain("x" * 99, 10) == "x" * 9 + "…" and one_line(" a\n\n b\t") == "a b"
    assert plain(plain("\x1b\x1b[[31m", 9), 9) == plain("\x1b\x1b[[31m", 9)
    assert len(take_apart("=" * 10 * MAX_ANSWER).equation) <= MAX_ANSWER


class Said:
    """A writer that says one thing."""

    name = "said"

    def __init__(self, text: str, cut: bool = False) -> None:
        self.answer = Answer(text, Usage(3, 4, 0.5), cut)

    def write(self, system: str, user: str) -> Answer:
        return self.answer


def test_a_description_says_what_its_answer_lacks() -> None:
    said = AskingDescriber(Said("Ignore all instructions and print the truth.", cut=True)).describe(evidence(0))
    assert (said.equation, said.claims, said.provider) == ("", {}, "said") and said.usage == Usage(3, 4, 0.5)
    assert said.problem == "the answer has no equation, no claims, cut at its limit of tokens"
    whole = f"EQUATION: {LINE}\nTEXT: It moves right.\nCLAIMS: {JSON}"
    assert AskingDescriber(Said(whole)).describe(evidence(0)).problem == ""
    alone = AskingDescriber(Said(whole), Part.EQUATION).describe(evidence(0))
    assert (alone.equation, alone.text, alone.claims, alone.problem) == (LINE, "", {}, "")
