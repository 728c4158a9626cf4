"""Figures derived from two others of the same sentence, which has to say so.

Other sums are not looked for: among hundreds of numbers something always fits. A writer may have computed from the
numbers as they are rounded in the sentence, so both the exact and the written ones count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations

from trainer.analysis.prose.facts import Fact
from trainer.analysis.prose.figures import Figure
from trainer.analysis.prose.matching import SAME, forms

_DIFFERENCE = re.compile(
    r"differ|gap|points?\b|below|above|higher|lower|more|less|fewer|drop|fall|fell|los[et]|gain|ris|rose|minus"
    r"|over\b|under\b|ahead|behind|grow|grew|better|worse",
    re.IGNORECASE,
)
_RATIO = re.compile(
    r"times|fold|ratio|factor|twice|half|per\b|for each|share|relative|as (?:many|much|large)|\d\s?[x\u00d7]",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"relative|lower|higher|less|more|fewer|drop|fall|fell|reduc|cut|improv|ris|rose|grow|grew|better|worse|of\b",
    re.IGNORECASE,
)
_REST = re.compile(r"wrong|error|mis|remain|rest\b|other", re.IGNORECASE)


def derivation(figure: Figure, found: Sequence[tuple[Figure, Fact]], sentence: str) -> str:
    """Return of what a figure is derived, e.g. `ratio of 0.0779 and 0.0131`; '' if of nothing."""
    for (one, fact), (other, other_fact) in permutations(found, 2):
        if not one.units & other.units:
            continue
        for a, b in ((_exact(one, fact), _exact(other, other_fact)), (one.value, other.value)):
            for how, value in _results(figure, one, a, b, sentence):
                if abs(abs(figure.value) - abs(value)) <= figure.half * SAME + 1e-12:
                    return f"{how} {one.text} and {other.text}"
    for one, _ in found:
        is_rest = abs(figure.value - (100 - one.value)) <= (figure.half + one.half) * SAME
        if figure.unit == one.unit == "%" and is_rest and _REST.search(sentence):
            return f"rest of {one.text}"
    return ""


def _exact(figure: Figure, fact: Fact) -> float:
    """A fact with all its digits, in the unit of the figure that quotes it."""
    values = [value for unit, value in forms(fact) if unit in figure.units]
    return min(values, key=lambda value: abs(abs(value) - abs(figure.value)))


def _results(figure: Figure, one: Figure, a: float, b: float, sentence: str) -> Iterator[tuple[str, float]]:
    """What two numbers in the unit of `one` give in the unit of `figure`, as far as the sentence names it."""
    if _DIFFERENCE.search(sentence):
        if figure.units & one.units or (figure.unit == "points" and "%" in one.units):
            yield "difference of", a - b
        elif figure.unit == "points":
            yield "difference of", 100 * (a - b)
    if b and figure.unit in ("times", "") and _RATIO.search(sentence):
        yield "ratio of", a / b
    if b and figure.unit == "%" and _CHANGE.search(sentence):
        yield "change between", 100 * (a - b) / b
        yield "ratio of", 100 * a / b
