"""comparison.md and comparison.json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from trainer import words
from trainer.analysis import comparison_tables as tables
from trainer.analysis.bars import against_plan, asked_of, goals
from trainer.analysis.comparison import Comparison, distinguishable, recommendation, verdict
from trainer.analysis.entries import Entry, Spread
from trainer.analysis.persistence_tables import importances, phases
from trainer.analysis.reached import reached
from trainer.analysis.results import Results, short_commit
from trainer.language.rows import MODEL
from trainer.language.tables import rates_table

HOW_TO_READ = """\
Every tested run is judged once, on its test split, with the weights of least validation loss. A row is one config;
its `n` seeds are a mean ± deviation (fewer than three seeds are no headline), and the interval is the 95 % Wilson
interval of the accuracy on all their test clips. Order: rows with skill first, then accuracy, MSE, training time;
**≈** marks a row whose interval overlaps with that of the first. MSE is that of the forecast at t+5 in half-sides of
the workspace, squared; % MAE is of the whole side. **Skill** = 1 - MSE / MSE of the best control: 0 is no better than
a guess that needs no learning. *Controls* know too little (hold last and constant velocity: only the true last
positions), *references* know more than a video shows; neither has a rank, and references never count in skill. Drops
are in points of accuracy. Times are of the machine that trained, with whatever else ran there; inference is the
median of a clip alone, and of one in an evaluation's batch, on one CPU thread or a GPU, float32. A `-` is not known,
never zero."""
_FIGURES = ("accuracy", "pred_mse", "mae_percent", "mae_percent_t5", "skill")
_EFFORT = ("epochs", "train_s", "epoch_s", "parameters", "model_bytes", "inference_ms", "inference_batch_ms")


def page(comparison: Comparison, picture: str, command: str = "trainer compare", now_s: float | None = None) -> str:
    """Return comparison.md. `now_s`, the time of writing, gives the age of runs that are not at their end."""
    sections = {
        "Results": [*tables.headline(comparison), "", f"![accuracy, error and skill of every row]({picture})"],
        "Against the bar of the plan": [*tables.plan(comparison), *_ages(comparison, now_s)],
        "Goal of the best": tables.goal(comparison),
        "Recall of each class": tables.class_recalls(comparison),
        "Persistence of clips": phases(comparison.entries),
        "What they go by: points lost without": importances(comparison.entries),
        "Held-out tests": [*tables.held_out(comparison), *tables.noisy_target(comparison)],
        "Descriptions": _descriptions(comparison.results),
        "Cost": tables.cost(comparison),
        "Each run": tables.each_run(comparison),
        "Not compared": [f"- {one.place}: {one.why}" for one in comparison.not_compared],
        "Notes": [f"- {note}" for note in comparison.notes],
    }
    lines = ["# Comparison of runs", "", recommendation(comparison), ""]
    lines += [f"    {command}", "", provenance(comparison.results), "", HOW_TO_READ]
    for title, content in sections.items():
        if content:
            lines += ["", f"## {title}", "", *content]
    return "\n".join(lines) + "\n"


def provenance(results: Sequence[Results]) -> str:
    """Return what made the figures, each value that occurs: seeds, commits, versions, devices."""
    versions = [one.origin.get("versions") for one in results]
    known = [row if isinstance(row, dict) else {} for row in versions]
    named = {
        "seeds": _distinct(one.config.get("seed") for one in results),
        "commits": _distinct(short_commit(one.origin) for one in results),
        **{name: _distinct(row.get(name) for row in known) for name in ("torch", "numpy", "python")},
        **{name: _distinct(one.origin.get(name) for one in results) for name in ("cpu", "device", "threads")},
    }
    said = "; ".join(f"{name} {values}" for name, values in named.items() if values)
    runs = "one run" if len(results) == 1 else f"{len(results)} runs"
    return f"Written by this command from the files of {runs} alone: {said}."


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _descriptions(results: Sequence[Results]) -> list[str]:
    """Return the figures of each run's descriptions; their controls and ceiling are in the run's own report."""
    rows = [(f"{one.name}, by {one.described_by}", one.language[MODEL]) for one in results if MODEL in one.language]
    return rates_table(rows, "run") if rows else []


def _ages(comparison: Comparison, now_s: float | None) -> list[str]:
    """Say of each run that is not at its end how old its newest figures are: it may run on, or have died."""
    found = [(one.name, reached(one)) for one in comparison.results]
    lines = [
        f"- {name} is not at its end; it was last heard of {words.duration(max(0.0, now_s - how_far.at_s))} before "
        "this page was written."
        for name, how_far in found
        if how_far.end == "under way" and now_s is not None and how_far.at_s is not None
    ]
    return ["", *lines] if lines else []


def as_json(comparison: Comparison, command: str = "") -> dict[str, Any]:
    """Return the comparison as JSON values."""
    ranked = [
        _entry(entry) | {"rank": rank, "verdict": verdict(entry), "against_the_first": _against(comparison, entry)}
        for rank, entry in enumerate(comparison.entries, 1)
    ]
    best = comparison.recommended
    asked = asked_of(comparison.entries, best)
    return {
        "command": command,
        "rows": ranked,
        "unfinished": [_entry(entry) | asdict(reached(entry.runs[0])) for entry in comparison.unfinished],
        "controls": [_entry(entry) for entry in comparison.controls],
        "plan": [asdict(row) | {"met": row.met} for row in against_plan(comparison.results)],
        "goals": {"of": asked.name, "goals": [asdict(one) for one in goals(asked)]} if asked else {},
        "not_compared": [asdict(one) for one in comparison.not_compared],
        "notes": comparison.notes,
        "recommended": best.name if best else None,
        "recommendation": recommendation(comparison),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    figures: dict[str, Any] = {name: _spread(getattr(entry, name)) for name in _FIGURES}
    tests = {test: {key: _spread(value) for key, value in row.items()} for test, row in entry.tests.items()}
    runs = [
        {"name": one.name, "seed": one.config.get("seed"), "metrics": dict(one.metrics), **one.origin}
        for one in entry.runs
    ]
    plain = {name: getattr(entry, name) for name in ("name", "kind", "count", "interval", *_EFFORT)}
    recalls = {name: _spread(value) for name, value in entry.recalls.items()}
    return {**plain, **figures, "recalls": recalls, "tests": tests, "runs": runs}


def _spread(value: Spread | None) -> dict[str, float | None] | None:
    return None if value is None else asdict(value)


def _against(comparison: Comparison, entry: Entry) -> str:
    if entry is comparison.entries[0]:
        return "first"
    apart = distinguishable(comparison.entries[0], entry)
    if apart is None:
        return "not known"
    return "below" if apart else "not distinguishable"
