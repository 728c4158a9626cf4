"""What a gate said, for people: its conditions as a small table, and in a few words what became of the run there."""

from __future__ import annotations

from remote.snapshot import RunSnapshot
from tui.format import Line, cut, number
from wire.gate import RELEASE, Condition, conditions, is_retired
from wire.state import State

MARKS = {True: ("✓", "ok"), False: ("✗", "bad"), None: ("·", "dim")}
"""Passed, not passed, does not apply."""


def at_gate(row: RunSnapshot) -> bool:
    """True if the run ended at its gate: held, or retired there."""
    return row.state is State.HELD or (row.state is State.STOPPED and is_retired(row.decision))


def gate_lines(row: RunSnapshot, width: int) -> list[Line]:
    """One condition a line: mark, metric, value, limit; [] if the run has no verdict."""
    found = conditions(row.result.gate) if row.result is not None else []
    metrics, values = [one.metric.replace("_", " ") for one in found], [_value(one) for one in found]
    wide = max(map(len, metrics), default=0)
    value_width = max(map(len, values), default=0)
    lines: list[Line] = []
    for one, metric, value in zip(found, metrics, values, strict=True):
        mark, role = MARKS[one.passed]
        limit = "does not apply" if one.passed is None else one.limit
        metric = cut(metric, min(wide, 16)).ljust(min(wide, 16))
        head: Line = [(f"{mark} ", f"bold {role}"), (f"{metric}  ", ""), (f"{value:>{value_width}}  ", "bold")]
        lines.append([*head, (cut(limit, width - sum(len(text) for text, _ in head)), "dim")])
    return lines


def decision_words(row: RunSnapshot) -> str:
    """`released by bob@desk` or `retired by ada@laptop`, '' if nobody decided anything that shows."""
    decision = row.decision
    if decision is None or row.state is State.HELD:
        return ""
    word = {RELEASE: "released"}.get(decision.decision, "retired" if is_retired(decision) else "")
    return f"{word} by {decision.by or 'somebody'}" if word else ""


def passage_words(row: RunSnapshot) -> str:
    """How a run came past its gate, '' if it had none."""
    passed = row.result is not None and row.result.gate.get("passed") is True
    return "passed" if passed else decision_words(row)


def _value(one: Condition) -> str:
    if one.value is None:
        return "n/a"
    return f"{100 * one.value:.1f} %" if one.limit.endswith("%") else number(one.value)
