"""Is a figure of a text one of the run's own numbers?

found            it is a fact, rounded to the digits written, and the words around it say which (`matching`)
derived          a difference, a ratio, a change in percent or a rest of figures that are found in the same sentence,
                 which says so (`deriving`)
of another       the number is a fact, but of something else than the words say
proposal         in the last two sections: a setting or a hope, no claim. A clause there that states a result (`accuracy
                 is ...`, and proposes nothing) is checked like any other
not in the run   none of these
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.analysis.prose.deriving import derivation
from trainer.analysis.prose.facts import Fact, Facts
from trainer.analysis.prose.figures import Figure, figures_of
from trainer.analysis.prose.matching import MEASURE_NAMED, match
from trainer.analysis.prose.passages import Passage, passages_of

FOUND, DERIVED, OTHER, PROPOSAL, MISSING = "found", "derived", "of another", "proposal", "not in the run"
_PROPOSES = re.compile(
    r"\b(?:try|use|set|lower|raise|reduce|increase|add|train|collect|run|let|make|widen|draw|start|stop|expect\w*|should"
    r"|would|could|can|may|might|if|whether|does|do|will|how|what|which|target|aim\w*|reach|until|instead|suggest\w*"
    r"|propose\w*|e\.g\.|such as|say|goal|at least|at most|threshold)\b|[?<>\u2264\u2265]",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:]\s")
_STATES = re.compile(
    r"\b(?:is|was|are|were|has|had|stands|stood|reache[sd]|fell|falls|lies|remains|shows|scores|gets|got)\b",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"\bepochs?\W{1,3}(?:number )?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Checked:
    """A figure and what it was found to be."""

    figure: Figure
    status: str
    fact: Fact | None = None
    """The fact that it is, or is of another; None for what is derived or unknown."""
    how: str = ""
    """Of what a derived figure was derived."""

    @property
    def good(self) -> bool:
        """True for a figure that the run's own numbers bear out."""
        return self.status in (FOUND, DERIVED)


def check(text: str, facts: Facts, *, proposes: bool = False) -> list[Checked]:
    """Return the figures of one section, each with its status. `proposes`: the section may propose numbers."""
    figures = figures_of(text)
    checked: list[Checked] = []
    for passage in passages_of(text):
        inside = [one for one in figures if passage.start <= one.start < passage.end]
        first = [_looked_up(one, passage, facts) for one in inside]
        found = [(one.figure, one.fact) for one in first if one.status == FOUND and one.fact]
        for one in first:
            if one.status != FOUND:
                one = _from_others(one, found, passage)
            if not one.good and proposes and (_is_setting(one.figure, text) or _is_proposal(one.figure, passage)):
                one = Checked(one.figure, PROPOSAL)
            checked.append(one)
    return checked


def _looked_up(figure: Figure, passage: Passage, facts: Facts) -> Checked:
    fact, is_named = match(figure, passage, facts)
    if fact is None:
        return Checked(figure, MISSING)
    return Checked(figure, FOUND if is_named else OTHER, fact)


def _from_others(one: Checked, found: Sequence[tuple[Figure, Fact]], passage: Passage) -> Checked:
    """The same figure in the light of those of its sentence: the epoch of one, or derived from two."""
    figure = one.figure
    if _EPOCH.search(passage.sentence[: figure.start - passage.start]):
        label = f"epoch.{figure.value:.0f}."
        for _, fact in found:
            if fact.name.startswith(label):
                return Checked(figure, FOUND, fact)
    how = derivation(figure, found, passage.sentence)
    return Checked(figure, DERIVED, how=how) if how else one


def _is_setting(figure: Figure, text: str) -> bool:
    """True for `epochs=20`."""
    return text[: figure.start].rstrip().endswith("=")


def _is_proposal(figure: Figure, passage: Passage) -> bool:
    """True unless the figure's clause states a result."""
    place = figure.start - passage.start
    before, behind = _CLAUSE.split(passage.sentence[:place])[-1], _CLAUSE.split(passage.sentence[place:])[0]
    clause = before + behind
    return bool(_PROPOSES.search(clause)) or not (MEASURE_NAMED.search(clause) and _STATES.search(clause))
