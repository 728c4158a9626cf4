"""The tables of comparison.md: narrow ones with the rows in one order, ranked runs first, controls last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainer import words
from trainer.analysis.bars import NOISY, NOISY_DROP, AgainstPlan, against_plan, asked_of, goals
from trainer.analysis.comparison import TWICE, Comparison, NotCompared, distinguishable, verdict
from trainer.analysis.comparison_notes import short_digest
from trainer.analysis.entries import Entry, Spread
from trainer.analysis.forms import is_number
from trainer.analysis.markdown import UNKNOWN, number, percent, table
from trainer.analysis.reached import reached
from trainer.analysis.results import short_commit
from trainer.analysis.standing import FULL_ACCURACY, FULL_MSE

HEADLINE = (
    "rank:", "run", "n:", "accuracy:", "95 % interval", "MSE at t+5:", "% MAE t+4:", "t+5:", "skill:", "verdict"
)  # fmt: skip
COST = (
    "rank:", "run", "clips:", "epochs:", "width:", "training:", "s/epoch:", "parameters:", "MB:", "ms alone:",
    "ms in a batch:",
)  # fmt: skip
TESTS_WIDE = 3
"""Held-out tests side by side in one table."""


def headline(comparison: Comparison) -> list[str]:
    """Return what every row amounts to."""
    return table(HEADLINE, [headline_cells(comparison, entry) for entry in comparison.rows])


def headline_cells(comparison: Comparison, entry: Entry) -> list[str]:
    """Return one row of the headline."""
    return [
        *_name(comparison, entry),
        str(entry.count),
        percents(entry.accuracy),
        f"{100 * entry.interval[0]:.1f} to {100 * entry.interval[1]:.1f}" if entry.interval else UNKNOWN,
        spread_words(entry.pred_mse, 4),
        spread_words(entry.mae_percent, 1),
        spread_words(entry.mae_percent_t5, 1),
        spread_words(entry.skill, 2),
        row_verdict(entry),
    ]


def row_verdict(entry: Entry) -> str:
    """Return the verdict of a ranked row, how far another run has come, '' for a control."""
    if entry.kind == "unfinished":
        return f"validation figures, {reached(entry.runs[0]).words}"
    return "" if entry.kind in ("control", "reference") else verdict(entry)


def rank(comparison: Comparison, entry: Entry) -> str:
    """Return `2`, `2 ≈` for what is not distinguishable from the first, or why a row has no rank."""
    if entry not in comparison.entries:
        return {"unfinished": "*not tested*"}.get(entry.kind, f"*{entry.kind}*")
    first, place = comparison.entries[0], comparison.entries.index(entry) + 1
    return f"{place} ≈" if entry is not first and distinguishable(first, entry) is False else str(place)


def _name(comparison: Comparison, entry: Entry) -> list[str]:
    return [rank(comparison, entry), entry.name]


def class_recalls(comparison: Comparison) -> list[str]:
    """Return the recall of each class; [] if no row has any."""
    classes = list(dict.fromkeys(name for entry in comparison.rows for name in entry.recalls))
    rows = [
        [*_name(comparison, entry), *(percents(entry.recalls.get(name)) for name in classes)]
        for entry in comparison.rows
        if entry.recalls
    ]
    return table(("rank:", "run", *(f"{name}:" for name in classes)), rows) if rows else []


def held_out(comparison: Comparison) -> list[str]:
    """Return the held-out tests: accuracy with the points that it lies under the ordinary test, and MSE."""
    tests = list(dict.fromkeys(name for entry in comparison.rows for name in entry.tests))
    lines: list[str] = []
    for some in (tests[first : first + TESTS_WIDE] for first in range(0, len(tests), TESTS_WIDE)):
        head = [column for name in some for column in (f"{name}: accuracy:", "drop:", "MSE:")]
        rows = [
            [*_name(comparison, entry), *(cell for name in some for cell in _held_out(entry.tests.get(name, {})))]
            for entry in comparison.rows
            if any(name in entry.tests for name in some)
        ]
        lines += ["", *table(("rank:", "run", *head), rows)]
    return lines[1:]


def _held_out(figures: Mapping[str, Spread]) -> list[str]:
    return [
        percents(figures.get("accuracy")),
        _points(figures.get("drop")),
        spread_words(figures.get("pred_mse"), 4),
    ]


def noisy_target(comparison: Comparison) -> list[str]:
    """Return which rows keep their accuracy where the noise is five times that of the tier."""
    drops = [
        (entry.name, entry.tests[NOISY]["drop"]) for entry in comparison.entries if "drop" in entry.tests.get(NOISY, {})
    ]
    if not drops:
        return []
    sides: list[str] = []
    for word, wanted in (("met by", True), ("not met by", False)):
        names = [f"{name} ({_points(drop)})" for name, drop in drops if (drop.mean <= NOISY_DROP) == wanted]
        sides += [f"{word} {', '.join(names)}"] if names else []
    return ["", f"Target on `{NOISY}`, a drop of at most {100 * NOISY_DROP:.0f} points: {'; '.join(sides)}."]


def cost(comparison: Comparison) -> list[str]:
    """Return what a row was trained on, how long, how large it is and how long it takes to answer."""
    rows = [
        [*_name(comparison, entry), *_trained_on(entry), *_effort(entry)]
        for entry in comparison.rows
        if entry.epochs or entry.train_s or entry.parameters
    ]
    return table(COST, rows) if rows else []


def _trained_on(entry: Entry) -> list[str]:
    """Clips, epochs and width, as far as the first run of the row says."""
    clips = width = None
    if entry.kind in ("run", "unfinished"):
        one = entry.runs[0]
        wanted = one.data.get("wanted")
        clips = wanted.get("clips") if isinstance(wanted, dict) else one.config.get("clips")
        width = one.config.get("width")
    return [
        f"{clips:,.0f}" if is_number(clips) else UNKNOWN,
        UNKNOWN if entry.epochs is None else f"{entry.epochs:,.4g}",
        f"{width:g}" if is_number(width) else UNKNOWN,
    ]


def _effort(entry: Entry) -> list[str]:
    return [
        UNKNOWN if entry.train_s is None else words.duration(entry.train_s),
        number(entry.epoch_s),
        UNKNOWN if entry.parameters is None else f"{entry.parameters:,}",
        UNKNOWN if entry.model_bytes is None else number(entry.model_bytes / 1e6),
        number(entry.inference_ms),
        number(entry.inference_batch_ms),
    ]


def plan(comparison: Comparison) -> list[str]:
    """Return each run with a stage `full`, or without anything to judge, beside the bar of the plan; [] without any."""
    bars = f"accuracy > {100 * FULL_ACCURACY:.0f} %:", f"MSE < {FULL_MSE}:"
    head = ("run", "reached", "gate", *bars, "bar of the plan")
    rows = [_plan(row) for row in against_plan(comparison.results)]
    rows += [_not_run(one) for one in comparison.not_compared if one.why != TWICE]
    return table(head, rows) if rows else []


def _plan(row: AgainstPlan) -> list[str]:
    mark = "" if row.judged_on == "test" else " (validation)"
    return [
        row.name,
        row.reached.words,
        row.gate or UNKNOWN,
        percent(row.accuracy) + (mark if row.accuracy is not None else ""),
        fixed(row.pred_mse, 4) + (mark if row.pred_mse is not None else ""),
        row.verdict,
    ]


def _not_run(one: NotCompared) -> list[str]:
    why = one.why.partition("; ")[0].removeprefix(f"{one.place} ")
    return [Path(one.place).name, *[UNKNOWN] * 4, f"**nothing to judge**: {why}"]


def goal(comparison: Comparison) -> list[str]:
    """Return the goals of the best row of so many epochs beside what it reached; [] if no row is the best."""
    best = asked_of(comparison.entries, comparison.recommended)
    if best is None:
        return []
    said = {True: "met", False: "**not met**", None: "not known"}
    return table(
        (best.name, "goal:", "reached:", ""),
        [(one.figure, one.goal, one.shown, said[one.met]) for one in goals(best)],
    )


def each_run(comparison: Comparison) -> list[str]:
    """Return every run by itself: its seed, figures and where they come from."""
    cells: list[Callable[[Any], str]] = [
        lambda one: one.name,
        lambda one: str(one.config.get("seed", UNKNOWN)),
        lambda one: percent(one.metrics.get("accuracy")),
        lambda one: fixed(one.metrics.get("pred_mse"), 4),
        lambda one: fixed(one.metrics.get("skill"), 2),
        lambda one: number(one.metrics.get("n"), 6),
        lambda one: short_digest(one) or UNKNOWN,
        lambda one: short_commit(one.origin),
    ]
    head = ("run", "seed:", "accuracy:", "MSE at t+5:", "skill:", "test clips:", "data", "commit")
    return table(head, [[cell(one) for cell in cells] for one in comparison.results])


def spread_words(value: Spread | None, decimals: int) -> str:
    """Return `0.021 ± 0.004`, without the deviation where there is one value."""
    if value is None:
        return UNKNOWN
    return fixed(value.mean, decimals) + ("" if value.deviation is None else f" ± {value.deviation:.{decimals}f}")


def fixed(value: float | None, decimals: int) -> str:
    """Return so many decimals, two digits of what is too small for them, `-` for what is not known."""
    if value is None or 0 < abs(value) < 0.5 * 10**-decimals:
        return number(value, 2)
    return f"{value:.{decimals}f}"


def percents(value: Spread | None) -> str:
    """Return `92.0 ± 2.0 %`."""
    return UNKNOWN if value is None else f"{_points(value)} %"


def _points(value: Spread | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{100 * value.mean:.1f}" + ("" if value.deviation is None else f" ± {100 * value.deviation:.1f}")
