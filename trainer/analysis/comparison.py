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
from typing import Any

from trainer.analysis.ensemble import ensemble_entry
from trainer.analysis.entries import Entry, control_entries, run_entries, short_names
from trainer.analysis.reading import read_results
from trainer.analysis.results import Results
from trainer.analysis.standing import judged
from trainer.errors import DataError, TrainerError

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
    not_compared: list[NotCompared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def recommended(self) -> Entry | None:
        """The row to take; None if no row has skill."""
        able = [one for one in self.entries if one.has_skill and distinguishable(self.entries[0], one) is False]
        return min(able, key=_error) if able else None


def compare(places: Sequence[str | Path], *, ensemble: bool = False, controls: bool = False) -> Comparison:
    """Compare runs. Raises `DataError` if none of them has results, or if an ensemble is not possible."""
    results, refused = _read(places)
    if not results:
        raise DataError(
            "nothing to compare: " + "; ".join(f"{one.place}: {one.why}" for one in refused),
            hint="name finished runs, such as results/*/*",
        )
    results = short_names(results)
    entries = run_entries(results)
    notes = [*_other_tasks(results), *_twice(results)]
    if ensemble:
        entry, left_out = ensemble_entry(results)
        entries.append(entry)
        notes += left_out
    return Comparison(sorted(entries, key=order), control_entries(results) if controls else [], refused, notes)


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
    """Return what a row amounts to, by skill and by the bars of the stages."""
    if not entry.has_skill:
        return "no skill"
    if any(one.verdict == "held" for one in entry.runs) and entry.kind == "run":
        return "held at the gate"
    if entry.accuracy is None and entry.pred_mse is None:
        return "not known"
    for words, accuracy, mse in (("above the bars of full", 0.90, 0.05), ("through the gate", 0.70, 0.1)):
        accurate = entry.accuracy is None or entry.accuracy.mean > accuracy
        if accurate and (entry.pred_mse is None or entry.pred_mse.mean < mse):
            return words
    return "below the gate"


def recommendation(comparison: Comparison) -> str:
    """Return one or two sentences, from numbers."""
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
        if "accuracy" not in one.metrics and "pred_mse" not in one.metrics:
            refused.append(NotCompared(str(place), _no_test(one)))
        elif one.source.resolve() in results:
            refused.append(NotCompared(str(place), "named twice"))
        else:
            results[one.source.resolve()] = one
    return list(results.values()), refused


def _no_test(one: Results) -> str:
    figures, source = judged(one)
    known = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
    return "no figures of a test split" + (f", only {known} ({source})" if known else "")


def _task(one: Results) -> dict[str, Any]:
    """What was tested on, without what may differ between seeds and sizes; {} if the run does not say."""
    wanted = one.data.get("wanted")
    facts = wanted if isinstance(wanted, dict) else one.config
    kept = ("name", "tier", "frames", "style", "cue", "clutter", "noise", "data", "size_px")
    return {key: facts[key] for key in kept if facts.get(key) is not None}


def _other_tasks(results: Sequence[Results]) -> list[str]:
    first = next((one for one in results if _task(one)), None)
    if first is None:
        return []
    notes = []
    for one in results:
        task, of_first = _task(one), _task(first)
        changed = [f"{key} {value}" for key, value in task.items() if of_first.get(key, value) != value]
        if changed:
            words = ", ".join(changed)
            notes.append(f"{one.name} was tested on other data than {first.name} ({words}): compare with care")
    return notes


def _twice(results: Sequence[Results]) -> list[str]:
    """The same seed of the same config twice says nothing about seeds."""
    seen: dict[str, str] = {}
    notes = []
    for one in results:
        key = repr(sorted(one.config.items()))
        if one.config and key in seen:
            notes.append(
                f"{one.name} and {seen[key]} have the same config and seed: their deviation is no deviation of seeds"
            )
        seen.setdefault(key, one.name)
    return notes
