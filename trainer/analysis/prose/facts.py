"""The run's own numbers as one flat table: all that a text about the run may quote."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from trainer import words
from trainer.analysis.markdown import number, percent

Unit = Literal["share", "skill", "points", "percent", "number", "count", "epoch", "times", "s", "bytes"]
"""`share` is of 1 and written in percent, `skill` of 1 and written so; `points` are a difference of shares; `percent`
is in percent already; `times` is a ratio.
"""
Words = frozenset[str]
_WORD = re.compile(r"[a-z]+\d*|\d+")


@dataclass(frozen=True)
class Fact:
    """One number of the run."""

    name: str
    """E.g. `noisy.accuracy`."""
    value: float
    unit: Unit
    words: str
    """What it is, e.g. `accuracy on the held-out test noisy`."""
    measure: str = ""
    """A key of `MEASURES`, '' for what is none of them."""
    needs: tuple[Words, ...] = ()
    """A text that quotes it says at least one of each: beginnings of words, or whole numbers."""

    @property
    def shown(self) -> str:
        """As it is written for people: `98.3 %`, `0.0193`, `4 min 37 s`."""
        return _SHOWN[self.unit](self.value)


MEASURES: Mapping[str, Words] = {
    "accuracy": frozenset({"accura", "recall", "correct", "classif"}),
    "precision": frozenset({"precision"}),
    "recall": frozenset({"recall", "sensitiv", "accura", "correct", "classif"}),
    "F1": frozenset({"f1"}),
    "MSE": frozenset({"mse", "squared", "error"}),
    "MAE": frozenset({"mae", "absolute", "error"}),
    "skill": frozenset({"skill", "mse", "error"}),
    "loss": frozenset({"loss"}),
    "learning rate": frozenset({"rate"}),
}
"""What a figure may be of -> the beginnings of the words that it goes by in a text."""


def begins(word: str) -> str:
    """Return the beginning that a word shares with its other forms: `helical` and `helices`."""
    return word[: max(4, len(word) - 4)]


def need(*given: str) -> Words:
    """Return one need: any word of these names, in any form."""
    return frozenset(begins(word) for name in given for word in _WORD.findall(name.lower()))


class Facts(Mapping[str, Fact]):
    """The table, by name, in the order in which it is read."""

    def __init__(self, facts: Iterable[Fact], rivals: tuple[tuple[Words, Words], ...] = ()) -> None:
        self.rivals = rivals
        """All words in the names of one kind (the classes, the tests, the controls), and those that name nothing else:
        a sentence with one of these is about that class, test or control.
        """
        self._facts = {fact.name: fact for fact in facts if math.isfinite(fact.value)}

    def __getitem__(self, name: str) -> Fact:
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def value(self, name: str) -> float | None:
        """Return a number, None if the run does not have it."""
        return self._facts[name].value if name in self._facts else None


def _time(seconds: float) -> str:
    if seconds >= 60:
        return words.duration(seconds)
    return f"{number(seconds)} s" if seconds >= 1 else f"{number(1000 * seconds)} ms"


def _bytes(size: float) -> str:
    return f"{number(size / 1e6)} MB"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else number(value)


_SHOWN = {
    "share": percent,
    "skill": lambda value: f"{value:.2f}",
    "points": lambda value: f"{100 * value:+.1f} points",
    "percent": lambda value: f"{number(value)} %",
    "number": number,
    "count": _plain,
    "epoch": _plain,
    "times": lambda value: f"{number(value)} times",
    "s": _time,
    "bytes": _bytes,
}
