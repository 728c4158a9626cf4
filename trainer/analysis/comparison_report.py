"""comparison.md and comparison.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trainer import words
from trainer.analysis.comparison import Comparison, distinguishable, recommendation, verdict
from trainer.analysis.entries import Entry, Spread
from trainer.analysis.forms import is_number
from trainer.analysis.markdown import UNKNOWN, number, percent, table

MAIN_HEAD = (
    "rank:", "run", "accuracy:", "95 % interval", "MSE at t+5:", "% MAE:", "skill:", "verdict", "against the first"
)  # fmt: skip
ORDER = (
    "Order: skill, then accuracy, then MSE at t+5, then training time. *Not distinguishable*: the 95 % Wilson interval "
    "of accuracy overlaps with that of the first. MSE at t+5 in half-sides squared, % MAE at t+4 of the workspace "
    "side, skill = 1 - MSE / MSE of the best control. ± is the deviation over seeds, and effort is their mean. "
    "Inference: medians of a clip alone and of one in an evaluation's batch, on one CPU thread or a GPU, float32."
)
_FIGURES = ("accuracy", "pred_mse", "mae_percent", "skill")
_EFFORT = ("train_s", "epoch_s", "parameters", "model_bytes", "inference_ms", "inference_batch_ms")
EFFORT_HEAD = ("trained on", "training:", "s/epoch:", "parameters:", "MB:", "inference, ms a clip:", "in a batch:")


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON values."""
    ranked = [
        _entry(entry) | {"rank": rank, "verdict": verdict(entry), "against_the_first": _against(comparison, entry)}
        for rank, entry in enumerate(comparison.entries, 1)
    ]
    chosen = comparison.recommended
    return {
        "rows": ranked,
        "controls": [_entry(entry) for entry in comparison.controls],
        "not_compared": [asdict(one) for one in comparison.not_compared],
        "notes": comparison.notes,
        "recommended": chosen.name if chosen else None,
        "recommendation": recommendation(comparison),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    figures: dict[str, Any] = {name: _spread(getattr(entry, name)) for name in _FIGURES}
    tests = {test: {key: _spread(value) for key, value in row.items()} for test, row in entry.tests.items()}
    runs = [{"name": one.name, "seed": one.config.get("seed"), "metrics": dict(one.metrics)} for one in entry.runs]
    plain = {name: getattr(entry, name) for name in ("name", "kind", "interval", *_EFFORT)}
    recalls = {name: _spread(value) for name, value in entry.recalls.items()}
    return {**plain, **figures, "recalls": recalls, "tests": tests, "runs": runs}


def _spread(value: Spread | None) -> dict[str, float | None] | None:
    return None if value is None else asdict(value)


def page(comparison: Comparison, picture: str) -> str:
    """Return comparison.md: one table with everything, and what explains it."""
    sections = {
        "Seeds": _seeds(comparison),
        "Not compared": [f"- {one.place}: {one.why}" for one in comparison.not_compared],
        "Notes": [f"- {note}" for note in comparison.notes],
    }
    lines = ["# Comparison", "", recommendation(comparison), "", *whole_table(comparison)]
    for title, content in sections.items():
        if content:
            lines += ["", f"## {title}", "", *content]
    return "\n".join([*lines, "", ORDER, "", f"![{picture.removesuffix('.png')}]({picture})"]) + "\n"


def whole_table(comparison: Comparison) -> list[str]:
    """Return one table of all figures: those of the test split, recall of each class, held-out tests, effort."""
    entries = [*comparison.entries, *comparison.controls]
    classes = list(dict.fromkeys(name for entry in entries for name in entry.recalls))
    tests = list(dict.fromkeys(name for entry in entries for name in entry.tests))
    head = [*MAIN_HEAD, *(f"recall, {name}:" for name in classes)]
    head += [f"{name}: {figure}:" for name in tests for figure in ("accuracy", "MSE")] + [*EFFORT_HEAD]
    rows = []
    for main, entry in zip(main_rows(comparison), entries, strict=True):
        recalls = [_percents(entry.recalls.get(name)) for name in classes]
        held_out = [cell for name in tests for cell in _held_out(entry.tests.get(name, {}))]
        rows.append([*main, *recalls, *held_out, *_effort(entry)])
    return table(head, rows)


def _held_out(figures: Mapping[str, Spread]) -> list[str]:
    return [_percents(figures.get("accuracy")), spread_words(figures.get("pred_mse"))]


def main_rows(comparison: Comparison) -> list[list[str]]:
    """Return the rows under `MAIN_HEAD`: the ranked ones, then the controls without a rank."""
    ranked = enumerate(comparison.entries, 1)
    rows = [[str(rank), *_figures(entry), verdict(entry), _against(comparison, entry)] for rank, entry in ranked]
    return rows + [["", *_figures(entry), entry.kind, ""] for entry in comparison.controls]


def _figures(entry: Entry) -> list[str]:
    within = f"{percent(entry.interval[0])} to {percent(entry.interval[1])}" if entry.interval else UNKNOWN
    return [
        entry.name,
        _percents(entry.accuracy),
        within,
        spread_words(entry.pred_mse),
        spread_words(entry.mae_percent),
        spread_words(entry.skill, 2),
    ]


def spread_words(value: Spread | None, digits: int = 3) -> str:
    """Return `0.021 ± 0.004`, without the deviation where there is one value."""
    if value is None:
        return UNKNOWN
    return number(value.mean, digits) + ("" if value.deviation is None else f" ± {number(value.deviation, 2)}")


def _percents(value: Spread | None) -> str:
    if value is None or value.deviation is None:
        return percent(value.mean if value else None)
    return f"{100 * value.mean:.1f} ± {100 * value.deviation:.1f} %"


def _against(comparison: Comparison, entry: Entry) -> str:
    if entry is comparison.entries[0]:
        return "first"
    apart = distinguishable(comparison.entries[0], entry)
    if apart is None:
        return "not known"
    return "below" if apart else "not distinguishable"


def _effort(entry: Entry) -> list[str]:
    return [
        _trained_on(entry),
        UNKNOWN if entry.train_s is None else words.duration(entry.train_s),
        number(entry.epoch_s),
        UNKNOWN if entry.parameters is None else f"{entry.parameters:,}",
        UNKNOWN if entry.model_bytes is None else number(entry.model_bytes / 1e6),
        number(entry.inference_ms),
        number(entry.inference_batch_ms),
    ]


def _trained_on(entry: Entry) -> str:
    """Return on how much a row was trained, and how wide its network is, as far as its first run says."""
    if entry.kind != "run":
        return UNKNOWN
    one = entry.runs[0]
    parts = {"clips": "" if one.config.get("data") else one.config.get("clips"), "epochs": one.epochs}
    known = [f"{value:,} {name}" for name, value in parts.items() if value]
    width = one.config.get("width")
    return ", ".join([*known, *([f"width {width:g}"] if is_number(width) else [])]) or UNKNOWN


def _seeds(comparison: Comparison) -> list[str]:
    rows = [
        [entry.name, one.name, str(one.config.get("seed", UNKNOWN)), percent(one.metrics.get("accuracy")),
         number(one.metrics.get("pred_mse")), number(one.metrics.get("skill"), 2)]
        for entry in comparison.entries
        if entry.kind == "run" and len(entry.runs) > 1
        for one in entry.runs
    ]  # fmt: skip
    return table(("config", "run", "seed:", "accuracy:", "MSE at t+5:", "skill:"), rows) if rows else []
