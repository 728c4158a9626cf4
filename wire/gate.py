"""What a gate said, read from `RunSummary.gate` by host and laptop alike, and what became of the run that it holds.

Our trainer writes the verdict (`trainer.gate.Verdict`), but anybody's work may: what is missing or odd is passed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from wire.records import GateDecision
from wire.state import State

HELD = "held"
"""`RunSummary.verdict` of a run that ended at its gate."""
RELEASE, RETIRE = "release", "retire"
"""What a person may decide about it (`GateDecision.decision`)."""

CONDITIONS_READ = 32
"""More than any gate has: the verdict comes from a host."""


@dataclass(frozen=True)
class Condition:
    """One condition of a gate and what became of it."""

    metric: str
    value: Optional[float]
    limit: str
    """`> 70.0 %`, or any words."""
    passed: Optional[bool]
    """None: it does not apply."""


def conditions(verdict: Any) -> List[Condition]:
    """Every condition of a verdict, in its order; [] if it has none."""
    return [_condition(row) for row in _rows(verdict, "conditions") if isinstance(row, dict)]


def _condition(row: Dict[str, Any]) -> Condition:
    passed = row.get("passed")
    return Condition(
        metric=_text(row.get("metric")),
        value=_number(row.get("value")),
        limit=_text(row.get("limit")),
        passed=passed if isinstance(passed, bool) else None,
    )


def reasons(verdict: Any) -> str:
    """Why the gate did not open, in words; '' if the verdict does not say."""
    return "; ".join(filter(None, map(_text, _rows(verdict, "reasons"))))


def standing(verdict: Any, decision: Optional[GateDecision]) -> Tuple[State, str]:
    """State and reason of a run that ended at its gate: it is held until somebody retires it."""
    why = reasons(verdict)
    behind = f": {why}" if why else ""
    if decision is not None and is_retired(decision):
        return State.STOPPED, f"retired by {decision.by or 'somebody'} at the gate{behind}"
    return State.HELD, f"held at the gate{behind}"


def is_retired(decision: Optional[GateDecision]) -> bool:
    """True if somebody made the run final."""
    return decision is not None and decision.decision == RETIRE


def _rows(verdict: Any, key: str) -> List[Any]:
    given = verdict.get(key) if isinstance(verdict, dict) else None
    return given[:CONDITIONS_READ] if isinstance(given, list) else []


def _number(value: Any) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
