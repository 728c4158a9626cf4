"""`trainer compare RUN...`: rank, verdict and recommendation, by rules that are written here.

Order: rows with skill before rows without; then the higher accuracy, the lower MSE at t+5, the shorter training.
Two rows are *not distinguishable* if their 95 % intervals of accuracy overlap (a strict test would tell some of them
apart). The recommendation is the row of lowest MSE among those that are not distinguishable from the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainer.analysis.comparison_notes import notes_on
from trainer.analysis.control_rows import control_entries, with_shared_controls
from trainer.analysis.ensemble import ensemble_entry
from trainer.analysis.entries import Entry, run_entries, short_names, unfinished_entry
from trainer.analysis.reading import read_results
from trainer.analysis.results import Results
from trainer.analysis.standing import FULL_ACCURACY, FULL_MSE, GATE_ACCURACY, GATE_MSE, judged
from trainer.errors import DataError, TrainerError
from wire.gate import HELD

BARS = (("above the bars of full", FULL_ACCURACY, FULL_MSE), ("through the gate", GATE_ACCURACY, GATE_MSE))
TWICE = "named twice"
CHEAPER = 2.0
"""A row is named as the cheap choice if it needs less than half of the training time or of the parameters."""


@dataclass(frozen=True)
class NotCompared:
    """A run that was named and has no row, with the reason."""

    place: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """The whole table."""

    entries: list[Entry]
    """Ranked: the first is rank 1. An ensemble is ranked among the runs."""
    controls: list[Entry] = field(default_factory=list)
    unfinished: list[Entry] = field(default_factory=list)
    """Runs that have not been tested: their figures are of the validation split, so they have no rank."""
    results: list[Results] = field(default_factory=list)
    """Every run that has a row, those that were tested first."""
    not_compared: list[NotCompared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Entry]:
        """Every row, in the order of all tables."""
        return [*self.entries, *self.unfinished, *self.controls]

    @property
    def recommended(self) -> Entry | None:
        """The row to take; None if no row has skill."""
        able = [one for one in self.entries if one.has_skill and distinguishable(self.entries[0], one) is False]
        return min(able, key=_error) if able else None


def compare(places: Sequence[str | Path], *, ensemble: bool = False, controls: Sequence[str | Path] = ()) -> Comparison:
    """Compare runs, beside their own controls and those of the runs `controls`, which have no row themselves.

    Raises `DataError` if none of the runs has results, if one of `controls` has none, or if an ensemble is impossible.
    """
    results, refused = _read(places)
    if not results:
        raise DataError(
            "nothing to compare: " + "; ".join(f"{one.place}: {one.why}" for one in refused),
            hint="name finished runs, such as results/*/*",
        )
    own, others = short_names(results), [read_results(place) for place in controls]
    tested, notes = with_shared_controls([one for one in own if _is_tested(one)], others)
    entries = run_entries(tested)
    notes += notes_on(own)
    if ensemble:
        mean, left_out = ensemble_entry(tested)
        entries.append(mean)
        notes += left_out
    return Comparison(
        entries=sorted(entries, key=order),
        controls=control_entries([*own, *others]),
        unfinished=[unfinished_entry(one) for one in own if not _is_tested(one)],
        results=[*tested, *(one for one in own if not _is_tested(one))],
        not_compared=refused,
        notes=notes,
    )


def order(entry: Entry) -> tuple[bool, float, float, float]:
    """The sort key of the ranking."""
    accuracy = -entry.accuracy.mean if entry.accuracy else math.inf
    return not entry.has_skill, accuracy, _error(entry), entry.train_s if entry.train_s is not None else math.inf


def distinguishable(one: Entry, other: Entry) -> bool | None:
    """Return whether the accuracy intervals of two rows lie apart; None if one of them has none.

    A row is not distinguishable from itself.
    """
    if one is other:
        return False
    if one.interval is None or other.interval is None:
        return None
    return one.interval[0] > other.interval[1] or other.interval[0] > one.interval[1]


def verdict(entry: Entry) -> str:
    """Return what a row amounts to, by skill and by the bars of the stages. `goes on`: a held run was released, and
    its figures are those of the gate.
    """
    if not entry.has_skill:
        return "no skill"
    if any(one.progress for one in entry.runs):
        return "goes on"
    if any(one.verdict == HELD for one in entry.runs) and entry.kind == "run":
        return "held at the gate"
    if entry.accuracy is None and entry.pred_mse is None:
        return "not known"
    for words, accuracy, mse in BARS:
        accurate = entry.accuracy is None or entry.accuracy.mean > accuracy
        if accurate and (entry.pred_mse is None or entry.pred_mse.mean < mse):
            return words
    return "below the gate"


def recommendation(comparison: Comparison) -> str:
    """Return one or two sentences, from numbers."""
    if not comparison.entries:
        return "Take none yet: no run has been tested."
    chosen = comparison.recommended
    if chosen is None:
        return "Take none: no row is above its best control."
    first = comparison.entries[0]
    if chosen is first:
        reason = "it has the highest accuracy" if chosen.accuracy else "it has the lowest MSE at t+5"
    else:
        reason = f"its accuracy is not distinguishable from that of {first.name}, and its MSE at t+5 is lower"
    others = [
        one
        for one in comparison.entries
        if one is not chosen and one.has_skill and distinguishable(chosen, one) is False and _cheaper(one, chosen)
    ]
    said = f"Take {chosen.name}: {reason}."
    if others:
        said += f" {others[0].name} is not distinguishable from it in accuracy and {_cheaper(others[0], chosen)}."
    return said


def _cheaper(one: Entry, than: Entry) -> str:
    """In what `one` is cheaper, '' if in nothing."""
    parts = []
    for name, words in (("train_s", "training time"), ("parameters", "parameters"), ("inference_ms", "inference time")):
        mine, others = getattr(one, name), getattr(than, name)
        if mine and others and others > CHEAPER * mine:
            parts.append(f"{100 * mine / others:.0f} % of its {words}")
    return f"needs {', '.join(parts)}" if parts else ""


def _error(entry: Entry) -> float:
    return entry.pred_mse.mean if entry.pred_mse else math.inf


def _read(places: Sequence[str | Path]) -> tuple[list[Results], list[NotCompared]]:
    results: dict[Path, Results] = {}
    refused = []
    for place in places:
        try:
            one = read_results(place)
        except TrainerError as exc:
            refused.append(NotCompared(str(place), f"{exc}" + (f"; {exc.hint}" if exc.hint else "")))
            continue
        if not judged(one)[0]:
            refused.append(NotCompared(str(place), _no_figures(one)))
        elif one.source.resolve() in results:
            refused.append(NotCompared(str(place), TWICE))
        else:
            results[one.source.resolve()] = one
    return list(results.values()), refused


def _no_figures(one: Results) -> str:
    said = one.progress.get("message")
    return "no figures of a whole epoch yet" + (f"; its last progress: {said}" if said else "")


def _is_tested(one: Results) -> bool:
    return "accuracy" in one.metrics or "pred_mse" in one.metrics
