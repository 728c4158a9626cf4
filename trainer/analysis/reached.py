"""How far a run came: to the end of its plan, to its gate, to where patience ended it, or it is not at its end yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trainer.analysis.forms import is_number
from trainer.analysis.results import Results
from wire.gate import HELD, reasons


@dataclass(frozen=True)
class Reached:
    """Epochs done of those planned, and how the run ended."""

    end: Literal["finished", "stopped early", "held", "under way"]
    """`under way`: the files hold no end. Whether anything still runs, they cannot tell."""
    epochs: int | None
    planned: int | None
    """Epochs of both stages; of a run under way only those of its stage may be known. None: not known."""
    stage: str
    """`validate`, `full` or ''."""
    to_gate: bool = False
    """True if `planned` ends with the gate, because more is not known."""
    at_s: float | None = None
    """When a run under way was last heard of."""

    @property
    def words(self) -> str:
        """E.g. `30 of 50 epochs`, `5 of 10 epochs to the gate`."""
        count = "-" if self.epochs is None else f"{self.epochs:,}"
        of_planned = f" of {self.planned:,}" if self.planned else ""
        return f"{count}{of_planned} epochs{' to the gate' if self.to_gate else ''}"


def reached(one: Results) -> Reached:
    """Return how far the run came, by its newest file."""
    plan = _planned(one)
    if one.progress:
        done = _count(one.progress.get("epoch"))
        ends = plan or _count(one.progress.get("total_epochs"))
        to_gate = plan is None and one.stage == "validate"
        return Reached("under way", done, ends, one.stage, to_gate, _time(one.progress.get("at_s")))
    if not one.metrics:
        return Reached("under way", one.epochs, plan, one.stage)
    if one.verdict == HELD:
        return Reached("held", one.epochs, plan, one.stage)
    early = one.epochs is not None and plan is not None and one.epochs < plan
    return Reached("stopped early" if early else "finished", one.epochs, plan, one.stage)


def gate_words(one: Results) -> str:
    """Return the gate's verdict with its reasons; '' if the run says of none."""
    gate, why = one.gate, reasons(one.gate)
    if not isinstance(gate.get("passed"), bool):
        return {"validate": "not reached", "full": "behind it"}.get(one.stage, "")
    if gate["passed"]:
        return f"passed at epoch {gate.get('epoch', '-')}"
    held = f"held at epoch {gate.get('epoch', '-')}: {why or 'no reason given'}"
    if gate.get("released_by"):
        return f"{held}; released by {gate['released_by']}"
    return held + (f"; retired by {one.retired_by}" if one.retired_by else "")


def has_full(one: Results) -> bool:
    """True if the run has a stage `full`, or was meant to come to one."""
    if one.progress and one.stage == "validate":  # which it says only where a gate comes after it
        return True
    return bool(_count(one.config.get("full_epochs")) or one.gate or one.stage == "full")


def _planned(one: Results) -> int | None:
    first, full = _count(one.config.get("epochs")), _count(one.config.get("full_epochs"))
    return first + (full or 0) if first else None


def _time(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _count(value: Any) -> int | None:
    return int(value) if is_number(value) and value >= 0 else None
