"""Where the figures of a run stand: against every control, against the bars, on the held-out tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trainer.analysis.curves import best_epoch, still_improving
from trainer.analysis.forms import is_number
from trainer.analysis.results import REFERENCES, Results
from trainer.metrics import skill, wilson_interval
from trainer.tasks import Tasks

HORIZONS = range(1, 6)
GATE_ACCURACY, GATE_MSE = 0.70, 0.10
FULL_ACCURACY, FULL_MSE = 0.90, 0.05
"""Bars of accuracy (above) and of MSE at t+5 (below)."""
TINY_LOSS = 1e-6
Figures = Mapping[str, float]


def judged(results: Results) -> tuple[Figures, str]:
    """Return the figures that a run is judged by and where they come from: the test split, else the validation of
    the best epoch; ({}, '') without either.
    """
    if "accuracy" in results.metrics or "pred_mse" in results.metrics:
        return results.metrics, "test"
    epoch = best_epoch(results)
    row = next((row for row in results.history if row["epoch"] == epoch), {})
    names = {"val_accuracy": "accuracy", "pred_mse": "pred_mse", "skill": "skill"}
    found = {name: row[key] for key, name in names.items() if is_number(row.get(key))}
    return found, f"validation, epoch {epoch}" if found else ""


def interval(figures: Figures) -> tuple[float, float] | None:
    """Return the 95 % Wilson interval of the accuracy, as given or from n; None without n."""
    if "accuracy_low" in figures and "accuracy_high" in figures:
        return figures["accuracy_low"], figures["accuracy_high"]
    count = int(figures.get("n", 0))
    return wilson_interval(round(figures["accuracy"] * count), count) if count and "accuracy" in figures else None


@dataclass(frozen=True)
class AgainstControl:
    """One control beside the run. Where either side lacks a figure, it is None."""

    name: str
    accuracy: float | None
    pred_mse: float | None
    skill: float | None
    """1 - MSE / MSE of this control."""
    gained: float | None
    """Accuracy of the run minus that of the control."""
    better_from: int | None
    """The first horizon t+k from which on the run has the smaller MSE; None if at none."""
    reference: bool

    @property
    def stands(self) -> bool:
        """True if the run is not above this control in a figure that both have, so that it has no skill."""
        behind = (self.skill is not None and self.skill <= 0) or (self.gained is not None and self.gained <= 0)
        return behind and not self.reference


def against_controls(results: Results) -> list[AgainstControl]:
    """Return a row for every control, the controls before the references."""
    own = results.metrics
    rows = []
    for name, row in results.controls.items():
        has_mse = "pred_mse" in row and "pred_mse" in own
        rows.append(
            AgainstControl(
                name,
                row.get("accuracy"),
                row.get("pred_mse"),
                skill(own["pred_mse"], row["pred_mse"]) if has_mse else None,
                own["accuracy"] - row["accuracy"] if "accuracy" in row and "accuracy" in own else None,
                _better_from(own, row),
                name in REFERENCES,
            )
        )
    return sorted(rows, key=lambda row: row.reference)


def _better_from(own: Figures, control: Figures) -> int | None:
    keys = [f"mse_t{step}" for step in HORIZONS]
    if not all(key in own and key in control for key in keys):
        return None
    first = None
    for step, key in zip(HORIZONS, keys, strict=True):
        first = None if own[key] >= control[key] else first or step
    return first


def flags(results: Results) -> list[str]:
    """Return what a reader must know before believing the figures: the run's own flags, and the same judged anew."""
    figures, _ = judged(results)
    found = list(results.flags)
    if figures.get("skill", 1.0) <= 0 or any(row.stands for row in against_controls(results)):
        found.append("no skill")
    if figures.get("accuracy") in (0.0, 1.0):
        found.append(f"investigate: accuracy is exactly {figures['accuracy']:.0f}")
    if any(row.get("train_loss", 1.0) < TINY_LOSS for row in results.history):
        found.append(f"investigate: training loss under {TINY_LOSS:g}")
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Target:
    """A bar of the stages, and whether the run is over it."""

    stage: Literal["gate", "full", "forecast"]
    figure: str
    bar: str
    value: float | None
    met: bool | None
    """None where the figure is not known, or its task not trained."""
    sure: bool = True
    """False if the bar lies inside the 95 % interval of the value."""


def targets(results: Results) -> list[Target]:
    """Return every bar: the gate after `validate`, that of `full`, that of the forecast in % MAE at t+4."""
    figures, _ = judged(results)
    accuracy, mse = figures.get("accuracy"), figures.get("pred_mse")
    within = interval(figures)

    def above(stage: Literal["gate", "full"], bar: float) -> Target:
        sure = within is None or not within[0] <= bar <= within[1]
        return Target(stage, "accuracy", f"> {100 * bar:.0f} %", accuracy, _over(accuracy, bar), sure)

    mae = figures.get("mae_percent_t4")
    tasks = Tasks.of(results.config)
    full = [above("full", FULL_ACCURACY), Target("full", "pred_mse", "< 0.05", mse, _under(mse, FULL_MSE))]
    return [
        above("gate", GATE_ACCURACY),
        Target("gate", "pred_mse", "< 0.1", mse, _under(mse, GATE_MSE)),
        Target("gate", "skill", "> 0", figures.get("skill"), _over(figures.get("skill"), 0.0)),
        _time(results),
        _improving(results, all(one.met for one in full if not tasks.untrained(one.figure))),
        *full,
        Target("forecast", "mae_percent_t4", "< 20 %", mae, _under(mae, 20.0)),
        Target("forecast", "mae_percent_t4", "< 10 % (excellent)", mae, _under(mae, 10.0)),
    ]


def _time(results: Results) -> Target:
    """Training time of the first ten epochs, from the mean of all."""
    hours = None
    if results.train_s is not None and results.epochs:
        hours = results.train_s / results.epochs * min(results.epochs, 10) / 3600
    return Target("gate", "hours for 10 epochs", "< 2", hours, _under(hours, 2.0))


def _improving(results: Results, above_full: bool) -> Target:
    """The mean of the last two validation losses is below that of the two before, or the bars of `full` are met."""
    improving = still_improving(results.curve("val_loss"))
    met = True if above_full else improving
    return Target("gate", "still improving", "or above the bars of full", None, met)


def _over(value: float | None, bar: float) -> bool | None:
    return None if value is None else value > bar


def _under(value: float | None, bar: float) -> bool | None:
    return None if value is None else value < bar


def accuracy_drops(results: Results) -> dict[str, float]:
    """Return by how much the accuracy falls on each held-out test."""
    own = results.metrics.get("accuracy")
    known = {name: one.metrics["accuracy"] for name, one in results.tests.items() if "accuracy" in one.metrics}
    return {} if own is None else {name: own - value for name, value in known.items()}
