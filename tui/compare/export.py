"""A comparison as Markdown and as JSON, and the name of the file that holds it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from remote.clean import clean
from remote.compare import Compared, Comparison
from tui.compare.table import (
    accuracy_words,
    control_words,
    epochs_words,
    rank_words,
    seen_words,
    state_cell,
)  # fmt: skip
from tui.format import duration, number

HEAD = (
    "rank", "run", "state", "known", "epochs", "accuracy (95 %)", "best control", "MSE t+5", "best control", "skill",
    "time", "s/epoch", "weights",
)  # fmt: skip
RIGHT = frozenset({"epochs", "MSE t+5", "skill", "time", "s/epoch", "weights"})
EXPLAINED = (
    "Order: skill, then accuracy, then MSE at t+5, then training time. ≈: the 95 % interval of accuracy overlaps with "
    "that of the first. val@n: validation of the best epoch so far; such runs are not tested and have no rank. "
    "Skill is 1 - MSE / MSE of the best control."
)


def file_name(kind: str, wall_s: float) -> str:
    """`compare-20260101T120000Z.md`."""
    return f"compare-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(wall_s))}.{kind}"


def as_json(comparison: Comparison, now: float) -> dict[str, Any]:
    """The comparison as JSON values; ages in seconds, null where something is not known."""
    names = [one.name for one in comparison.rows]
    return {
        "rows": [_row(one, now) for one in comparison.rows],
        "notes": list(comparison.notes),
        "differences": {one.key: dict(zip(names, one.values, strict=True)) for one in comparison.differences},
    }


def _row(one: Compared, now: float) -> dict[str, Any]:
    row, figures, spec = one.row, one.figures, one.row.spec
    return {
        "name": one.name,
        "worker": row.worker,
        "run": row.run,
        "host": row.host,
        "state": row.state.value,
        "origin": "results" if one.synced else "host" if row.confirmed(now) else "last known",
        "age_s": row.cached_age_s if row.seen_at is None else row.age_s(now),
        "rank": one.rank,
        "distinguishable": one.apart,
        "verdict": one.verdict,
        "has_skill": one.has_skill,
        "flags": list(one.flags),
        "split": figures.split,
        "epoch": figures.epoch,
        "accuracy": figures.accuracy,
        "interval": list(figures.interval) if figures.interval is not None else None,
        "pred_mse": figures.pred_mse,
        "skill": figures.skill,
        "best_controls": {metric: {"name": name, "value": value} for metric, (name, value) in one.best.items()},
        "epochs": one.epochs,
        "planned_epochs": one.planned,
        "train_s": one.train_s,
        "epoch_s": one.epoch_s,
        "parameters": one.parameters,
        "commit": spec.commit if spec is not None else "",
        "dirty": spec.dirty if spec is not None else False,
        "config": spec.config if spec is not None else "",
        "overrides": list(spec.overrides) if spec is not None else [],
    }


def markdown(comparison: Comparison, now: float, wall_s: float) -> str:
    """The comparison as one Markdown page."""
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall_s))
    lines = [
        "# Comparison",
        "",
        f"Made {made}.",
        "",
        *_table(HEAD, [_cells(one, now) for one in comparison.rows], RIGHT),
    ]
    lines += ["", EXPLAINED]
    if comparison.notes:
        lines += ["", "## Notes", "", *(f"- {_plain(note)}" for note in comparison.notes)]
    if comparison.differences:
        names = [one.name for one in comparison.rows]
        rows = [(one.key, *(value or "not known" for value in one.values)) for one in comparison.differences]
        lines += ["", "## Differences of what was asked", "", *_table(("", *names), rows)]
    return "\n".join(lines) + "\n"


def _cells(one: Compared, now: float) -> Sequence[str]:
    return (
        rank_words(one),
        one.name,
        state_cell(one, now)[0],
        seen_words(one, now) or "live",
        epochs_words(one),
        accuracy_words(one),
        control_words(one, "accuracy"),
        number(one.figures.pred_mse) if one.figures.pred_mse is not None else "",
        control_words(one, "pred_mse"),
        f"{one.figures.skill:.2f}" if one.figures.skill is not None else "",
        duration(one.train_s) if one.train_s is not None else "",
        number(one.epoch_s) if one.epoch_s is not None else "",
        f"{one.parameters:,}" if one.parameters else "",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str] = frozenset()) -> list[str]:
    rule = ["---:" if name in right else "---" for name in head]
    return ["| " + " | ".join(map(_plain, line)) + " |" for line in (head, rule, *rows)]


def _plain(text: str) -> str:
    """Text that is neither a column's end, nor markup, nor anything that a terminal obeys."""
    text = " ".join(clean(text).split("\n"))
    for sign in ("\\", "|", "<", "[", "`"):
        text = text.replace(sign, "\\" + sign)
    return text
