"""What was promised of the runs: the plan's bar of `full`, run by run, and the goal of the best row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainer import words
from trainer.analysis.entries import Entry, Spread
from trainer.analysis.markdown import number, percent, points
from trainer.analysis.reached import Reached, gate_words, has_full, reached
from trainer.analysis.results import Results
from trainer.analysis.standing import FULL_ACCURACY, FULL_MSE, interval, judged

NOISY, NOISY_DROP = "noisy", 0.05
"""The held-out test with a target of its own: the accuracy falls by at most this."""
GOAL_ACCURACY, GOAL_MSE, GOAL_EPOCHS, GOAL_TRAIN_S = 0.97, 0.02, 10, 180.0


@dataclass(frozen=True)
class AgainstPlan:
    """One run beside the bar of `full`."""

    name: str
    reached: Reached
    gate: str
    accuracy: float | None
    pred_mse: float | None
    judged_on: str
    """`test`, `validation, epoch N`, or ''."""
    sure: bool
    """False if the bar of accuracy lies inside the 95 % interval."""

    @property
    def met(self) -> bool | None:
        """None: not run to its end, or a figure is missing."""
        if self.reached.end in ("held", "under way") or self.accuracy is None or self.pred_mse is None:
            return None
        return self.accuracy > FULL_ACCURACY and self.pred_mse < FULL_MSE

    @property
    def verdict(self) -> str:
        """Whether the bar is met, by how much it is not, or why that cannot be said."""
        if self.reached.end == "held":
            return "**not run**: held at the gate"
        if self.reached.end == "under way":
            return f"**not yet**: {self.reached.words} done"
        if self.accuracy is None or self.pred_mse is None:
            return "**not known**: a figure is missing"
        after = self._after()
        if self.met:
            return f"**met** {after}" + ("" if self.sure else ", but the interval spans the bar")
        lacking = []
        if self.accuracy <= FULL_ACCURACY:
            lacking.append(f"accuracy by {100 * (FULL_ACCURACY - self.accuracy):.1f} points")
        if self.pred_mse >= FULL_MSE:
            lacking.append(f"MSE by {self.pred_mse - FULL_MSE:.4f}")
        return f"**not met** {after}: missed {' and '.join(lacking)}"

    def _after(self) -> str:
        if self.reached.end == "stopped early":
            return f"after {self.reached.words}, stopped early"
        return f"after {self.reached.epochs} epochs"


def against_plan(results: Iterable[Results]) -> list[AgainstPlan]:
    """Return a row for each run that has a stage `full` or was meant to come to one."""
    return [_against(one) for one in results if has_full(one)]


def _against(one: Results) -> AgainstPlan:
    figures, source = judged(one)
    within = interval(figures)
    return AgainstPlan(
        one.name,
        reached(one),
        gate_words(one),
        figures.get("accuracy"),
        figures.get("pred_mse"),
        source,
        within is None or not within[0] <= FULL_ACCURACY <= within[1],
    )


@dataclass(frozen=True)
class Goal:
    """One goal of the best row. `met` is None where the figure is not known."""

    figure: str
    goal: str
    value: float | None
    shown: str
    met: bool | None


def asked_of(ranked: Sequence[Entry], recommended: Entry | None) -> Entry | None:
    """Return the row that the goals are asked of: the recommended one, or the first of those that trained no longer
    than the goals allow.
    """
    if recommended is None or (recommended.epochs or 0) <= GOAL_EPOCHS:
        return recommended
    short = [one for one in ranked if one.has_skill and one.epochs and one.epochs <= GOAL_EPOCHS]
    return short[0] if short else recommended


def goals(entry: Entry) -> list[Goal]:
    """Return the goals beside the means of a row; training time counts only where all runs had one thread."""
    accuracy, mse = _mean(entry.accuracy), _mean(entry.pred_mse)
    drop = _mean(entry.tests.get(NOISY, {}).get("drop"))
    time = entry.train_s if all(one.origin.get("threads") == 1 for one in entry.runs) else None
    return [
        _goal("accuracy", f">= {percent(GOAL_ACCURACY)}", accuracy, percent(accuracy), least=GOAL_ACCURACY),
        _goal("MSE at t+5", f"<= {GOAL_MSE}", mse, number(mse), most=GOAL_MSE),
        _goal("epochs", f"<= {GOAL_EPOCHS}", entry.epochs, number(entry.epochs, 4), most=GOAL_EPOCHS),
        _goal("training, one thread", f"<= {GOAL_TRAIN_S / 60:.0f} min", time, words.duration(time), most=GOAL_TRAIN_S),
        _goal(f"drop on `{NOISY}`, points", f"<= {100 * NOISY_DROP:.0f}", drop, points(drop), most=NOISY_DROP),
    ]  # fmt: skip


def _goal(
    figure: str, goal: str, value: float | None, shown: str, *, least: float = -math.inf, most: float = math.inf
) -> Goal:
    return Goal(figure, goal, value, shown, None if value is None else least <= value <= most)


def _mean(value: Spread | None) -> float | None:
    return None if value is None else value.mean
