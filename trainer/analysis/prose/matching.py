"""Which fact a figure is.

The number must be the fact's, rounded to the digits written: a share may be written in percent, a duration in minutes,
a change without its sign, but a bare whole number only counts something. And the words must not speak against it: what
the fact needs is said (a control's figure needs the control's name), and the measure that is named nearest before or
after is the fact's (a recall is no accuracy).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from trainer.analysis.prose.facts import MEASURES, Fact, Facts, Words
from trainer.analysis.prose.figures import Figure
from trainer.analysis.prose.passages import Passage, words_of

SAME = 1 + 1e-6
"""A number that lies half-way may be rounded either way."""
MEASURE_NAMED = re.compile(
    r"\b(?:accura\w*|precision|recalls?|f1|mse|mae|skill|loss(?:es)?|learning rates?)\b", re.IGNORECASE
)
Rivals = Iterable[tuple[Words, Words]]
_LOOSELY_SIGNED = frozenset({"points", "share"})
"""Units of changes: `falls by 3.0 points` is minus three."""


def match(figure: Figure, passage: Passage, facts: Facts) -> tuple[Fact | None, bool]:
    """Return the fact that a figure is, and True; a fact of something else that has the number, and False; or None."""
    near = _measures_near(figure, passage)
    same = [fact for fact in facts.values() if _is(figure, fact)]
    of_measure = [fact for fact in same if not near or not fact.measure or _is_measure(fact, near)]
    fitting = [fact for fact in of_measure if _is_told(fact, figure, passage, facts.rivals)]
    if fitting:
        return max(fitting, key=lambda fact: _nearness(fact, near, passage)), True
    others = [
        fact
        for fact in same
        if fact.measure and not fact.name.startswith("epoch.") and (fact in of_measure or _is_about(fact, passage))
    ]
    return (others[0] if others else None), False


def forms(fact: Fact) -> list[tuple[str, float]]:
    """Return the ways to write a fact: unit and number."""
    value = fact.value
    if fact.unit in ("share", "skill"):
        return [("", value), ("%", 100 * value)]
    if fact.unit == "points":
        return [("points", 100 * value), ("%", 100 * value), ("", 100 * value), ("", value)]
    if fact.unit == "percent":
        return [("%", value), ("", value)]
    if fact.unit == "times":
        return [("times", value), ("", value)]
    return [(fact.unit if fact.unit in ("s", "bytes") else "", value)]


def _is(figure: Figure, fact: Fact) -> bool:
    if figure.bare and fact.unit not in ("count", "epoch") and fact.value not in (0.0, 1.0):
        return False
    for unit, value in forms(fact):
        if unit in figure.units:
            given = figure.value
            if fact.unit in _LOOSELY_SIGNED and not figure.signed:
                given, value = abs(given), abs(value)
            if abs(given - value) <= figure.half * SAME + 1e-12:
                return True
    return False


def _is_measure(fact: Fact, near: Sequence[str]) -> bool:
    return any(_says([word], MEASURES[fact.measure]) for word in near)


def _is_told(fact: Fact, figure: Figure, passage: Passage, rivals: Rivals) -> bool:
    """True if all that the fact needs is said; of a number without a unit, its measure too."""
    measured = not fact.measure or figure.units != {""} or _says(passage.words_around, MEASURES[fact.measure])
    return measured and all(_is_met(need, passage, rivals) for need in fact.needs)


def _is_met(need: Words, passage: Passage, rivals: Rivals) -> bool:
    """True if the sentence says it, or its paragraph does. Where it is a name (of a control, say), the sentence must
    name no other of the kind, and what the kind is called (`control`) must stand in the sentence itself.
    """
    for names, distinct in rivals:
        if own := need & names:
            if _says(passage.words, own):
                return True
            if _says(passage.words, distinct):
                return False
            return _says(passage.words, need - names) or _says(passage.words_around, own)
    return _says(passage.words_around, need)


def _is_about(fact: Fact, passage: Passage) -> bool:
    return bool(fact.needs) and all(_says(passage.words, need) for need in fact.needs)


def _says(words: Iterable[str], need: Words) -> bool:
    numbers = {one for one in need if one.isdigit()}
    beginnings = tuple(one for one in need if one not in numbers)
    return any(word in numbers or word.startswith(beginnings) for word in words)


def _measures_near(figure: Figure, passage: Passage) -> list[str]:
    """The measures that are named last before a figure and first after it."""
    place = figure.start - passage.start
    named = [(found.start(), found[0].lower()) for found in MEASURE_NAMED.finditer(passage.sentence)]
    before = [word for at, word in named if at < place][-1:]
    after = [word for at, word in named if at > place][:1]
    return [word.split()[-1] for word in (*before, *after)]


def _nearness(fact: Fact, near: Sequence[str], passage: Passage) -> tuple[bool, int, int]:
    """How well the words fit, of facts that all do: the measure named, then more of its words, then fewer others."""
    own = {word for word in words_of(fact.words) if len(word) > 3 or word.isdigit()}
    return bool(fact.measure) and fact.measure.lower() in near, len(own & passage.words), -len(own)
