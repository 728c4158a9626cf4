"""Runs side by side: what each amounts to, and which is better. Pure; from the records of `wire` alone.

The figures and their order are those of `trainer compare`: runs with skill first, then the higher accuracy, the lower
MSE, the shorter training. A run that was not tested shows the validation of its best epoch, says so, and has no rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from remote.compare_notes import Difference, differences, notes_on
from remote.figures import (
    NO_SKILL,
    Controls,
    Figures,
    beside_controls,
    best_control,
    figures_of,
    has_skill,
    is_tested,
    validation_figures,
)  # fmt: skip
from remote.snapshot import RunSnapshot
from wire.gate import HELD, is_retired
from wire.records import RunSummary


@dataclass(frozen=True)
class Candidate:
    """A run that is compared, with what only its synced folder holds."""

    row: RunSnapshot
    controls: Controls = field(default_factory=dict)
    """Trained controls (artifacts/controls.json): name -> figures."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the data set was made by, {} if that is not known here."""
    digest: str = ""
    """What identifies its clips, '' if that is not known here."""
    synced: bool = False
    """True if the row itself was read from the folder; its `cached_age_s` is then that of its newest record."""


@dataclass(frozen=True)
class Compared:
    """One row of the comparison."""

    name: str
    """The worker, with the run behind it where several runs of a worker are compared."""
    row: RunSnapshot
    figures: Figures
    best: Mapping[str, tuple[str, float]]
    """Metric -> name and value of the control that is hardest to beat."""
    has_skill: bool | None
    """None where nothing says."""
    verdict: str
    flags: tuple[str, ...] = ()
    epochs: int | None = None
    planned: int | None = None
    train_s: float | None = None
    parameters: int | None = None
    synced: bool = False
    rank: int | None = None
    apart: bool | None = None
    """Whether its accuracy interval lies apart from that of the first; None where that cannot be said."""

    @property
    def epoch_s(self) -> float | None:
        """Seconds of training an epoch."""
        return self.train_s / self.epochs if self.train_s and self.epochs else None


@dataclass(frozen=True)
class Comparison:
    """Ranked rows first, then those without a rank in the order in which they were named."""

    rows: tuple[Compared, ...] = ()
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    """What was asked differently; the values stand in the order of `rows`."""


def compare(candidates: Sequence[Candidate]) -> Comparison:
    """Compare runs; each is judged against the trained controls that others have of the very same clips, too."""
    names = names_of([one.row for one in candidates])
    shared, notes = _with_shared_controls(candidates, names)
    found = [_compared(one, name) for one, name in zip(shared, names, strict=True)]
    order = sorted(range(len(found)), key=lambda at: _order(found[at]))
    rows = _ranked([found[at] for at in order])
    ordered = [candidates[at] for at in order]
    notes += [f"{one.name}: {flag}" for one in rows for flag in one.flags if flag != NO_SKILL]
    untested = [one for one in rows if one.rank is None and one.row.state.final]
    notes += [f"{one.name}: {_end(one.row)}" for one in untested if one.row.reason]
    named = [one.name for one in rows]
    notes += notes_on([(one.row.spec, one.data, one.digest) for one in ordered], named)
    return Comparison(tuple(rows), tuple(notes), tuple(differences([one.row for one in ordered])))


def _end(row: RunSnapshot) -> str:
    """Why a run ended; who stopped it is no sentence without what they did."""
    return f"{row.state.value} {row.reason}" if row.reason.startswith("by ") else row.reason


def names_of(rows: Sequence[RunSnapshot]) -> list[str]:
    """The worker's name of each run, with the run behind it where a worker has several."""
    workers = [row.worker for row in rows]
    return [f"{row.worker}/{row.run}" if workers.count(row.worker) > 1 else row.worker for row in rows]


def _with_shared_controls(candidates: Sequence[Candidate], names: Sequence[str]) -> tuple[list[Candidate], list[str]]:
    shared, notes = [], []
    for one, name in zip(candidates, names, strict=True):
        lent = {
            control: (other_name, row)
            for other, other_name in zip(candidates, names, strict=True)
            if one.digest and other.digest == one.digest
            for control, row in _controls_of(other).items()
            if control not in _controls_of(one)
        }
        if lent:
            sources = ", ".join(dict.fromkeys(source for source, _ in lent.values()))
            notes.append(f"{name} is judged against the controls of {sources} too: they are of the same clips")
        controls = {**one.controls, **{control: row for control, (_, row) in lent.items()}}
        shared.append(replace(one, controls=controls))
    return shared, notes


def _controls_of(one: Candidate) -> Controls:
    return {**(one.row.result.controls if one.row.result is not None else {}), **one.controls}


def _compared(one: Candidate, name: str) -> Compared:
    row, progress = one.row, one.row.progress
    planned = progress.total_epochs or None if progress is not None else None
    if row.result is None or row.state.active or not is_tested(row.result):
        figures = validation_figures(row.metrics)
        return Compared(
            name,
            row,
            figures,
            best={},
            has_skill=None if figures.skill is None else figures.skill > 0,
            verdict="unfinished" if row.state.active else "not tested",
            epochs=progress.epoch if progress is not None and (planned or progress.epoch) else None,
            planned=planned,
            synced=one.synced,
        )
    result = beside_controls(row.result, one.controls)
    skilled = has_skill(result)
    known = {metric: best_control(result.controls, metric) for metric in ("accuracy", "pred_mse")}
    return Compared(
        name,
        row,
        figures_of(result),
        best={metric: best for metric, best in known.items() if best is not None},
        has_skill=skilled,
        verdict=_verdict(row, result) if skilled else NO_SKILL,
        flags=result.flags,
        epochs=result.epochs or None,
        planned=planned,
        train_s=result.train_s or None,
        parameters=result.parameters or None,
        synced=one.synced,
    )


def _verdict(row: RunSnapshot, result: RunSummary) -> str:
    if result.verdict == HELD:
        return "retired at the gate" if is_retired(row.decision) else "held at the gate"
    return result.verdict or "completed"


def _order(one: Compared) -> tuple[bool, bool, float, float, float]:
    """The sort key: what was tested first, and there the ranking of `trainer compare`."""
    figures = one.figures
    if figures.split != "test":
        return True, False, 0.0, 0.0, 0.0
    accuracy = -figures.accuracy if figures.accuracy is not None else math.inf
    error = figures.pred_mse if figures.pred_mse is not None else math.inf
    return False, not one.has_skill, accuracy, error, one.train_s if one.train_s is not None else math.inf


def _ranked(rows: list[Compared]) -> list[Compared]:
    """Number the tested rows, and say which cannot be told apart from the first."""
    first = rows[0].figures.interval if rows else None
    out = []
    for place, one in enumerate(rows, 1):
        if one.figures.split != "test":
            out.append(one)
            continue
        own = one.figures.interval
        apart = None if first is None or own is None else first[0] > own[1] or own[0] > first[1]
        out.append(replace(one, rank=place, apart=apart))
    return out
