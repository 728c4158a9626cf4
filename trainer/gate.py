"""The gate between `validate` and `full`, judged by the run itself on the host, on the validation split.

A run that passes goes on. One that does not is *held*: it ends with exit code 0, so that its GPU is free, and goes on
into `full` only in a later attempt, after somebody released it. A condition on a task that is switched off, or on the
forecast where the data has no positions, does not apply: that is said, and it is never counted as passed.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from trainer.analysis.curves import still_improving
from trainer.config import Conditions, GateMetric, TrainConfig
from trainer.tasks import FORECAST_FIGURES
from trainer.words import figure
from wire.codec import WireError, read_object
from wire.gate import RELEASE, RETIRE
from wire.records import GateDecision
from wire.run_dir import RunDir

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_HISTORY = {name: name for name in get_args(GateMetric)} | {
    name: f"val_{name}" for name in ("accuracy", "recall", "precision")
}
"""Metric of a gate -> its name in the history of epochs."""


@dataclass(frozen=True)
class Check:
    """One condition and what became of it."""

    metric: str
    limit: str
    value: float | None
    passed: bool | None
    """None: it does not apply."""
    words: str


@dataclass(frozen=True)
class Verdict:
    """What the gate found. As JSON it is `RunSummary.gate`, with `released_by` and `released_at_s` once released, and
    with `bar`, the same of the bar of `full`, at the end of that stage.
    """

    epoch: int
    """The epoch whose validation was judged; its checkpoint is the gate's."""
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if nothing failed; where there are conditions, at least one must apply."""
        results = [check.passed for check in self.checks]
        return False not in results and (not results or True in results)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it did not pass, in words."""
        failed = tuple(check.words for check in self.checks if check.passed is False)
        return failed or (() if self.passed else ("no condition applies",))

    def to_json(self) -> dict[str, Any]:
        checks = [asdict(check) for check in self.checks]
        return {"passed": self.passed, "epoch": self.epoch, "conditions": checks, "reasons": list(self.reasons)}


def judge_gate(config: TrainConfig, history: Sequence[Mapping[str, float]], train_s: float) -> Verdict:
    """Judge the newest epoch of `history` after `train_s` seconds of training."""
    newest = history[-1]
    values = {name: newest[key] for name, key in _HISTORY.items() if key in newest} | {"hours": train_s / 3600}
    checks = check_all(config.gate, values, config)
    if config.gate_improving:
        above = Verdict(len(history), check_all(config.bar, values, config)).passed and bool(config.bar)
        checks += (_check_improving([row["val_loss"] for row in history], above),)
    return Verdict(len(history), checks)


def judge_bar(config: TrainConfig, epoch: int, test: Mapping[str, float], val_loss: float, train_s: float) -> Verdict:
    """Judge the figures of the test split by the bar of `full`."""
    values = {**test, "val_loss": val_loss, "hours": train_s / 3600}
    return Verdict(epoch, check_all(config.bar, values, config))


def check_all(conditions: Conditions, values: Mapping[str, float], config: TrainConfig) -> tuple[Check, ...]:
    """Compare each value with its limit; a metric without a value does not apply."""
    return tuple(_check(name, limit, values.get(name), _why_absent(name, config)) for name, limit in conditions.items())


def _why_absent(metric: str, config: TrainConfig) -> str:
    """Return why a run of the config may have no such figure."""
    of_forecast = config.problem == "trajectories" and metric in FORECAST_FIGURES
    other = "the data has no positions" if of_forecast else f"{config.problem} has no such figure"
    return config.tasks.untrained(metric) or other


def _check(metric: str, condition: str, value: float | None, absent: str) -> Check:
    limit = condition.replace(" ", "")
    sign = limit[:2] if limit[1] == "=" else limit[0]
    bar = float(limit[len(sign) :])
    shown = f"{sign} {figure(metric, bar)}"
    if value is None:
        return Check(metric, shown, None, None, f"{metric} {shown} does not apply: {absent}")
    passed = bool(_COMPARE[sign](value, bar))
    return Check(metric, shown, value, passed, f"{metric} {figure(metric, value)} is {'' if passed else 'not '}{shown}")


def _check_improving(losses: Sequence[float], above_bar: bool) -> Check:
    """The mean validation loss of the last two epochs is below that of the two before, or the bar is met already."""
    name, count = "improving", len(losses)
    improving = still_improving(np.array(losses))
    if improving is None:
        words = f"improving does not apply: {count} epoch{'s are' if count > 1 else ' is'} too few to tell"
        return Check(name, "validation loss falls", None, None, words)
    last, before = sum(losses[-2:]) / 2, sum(losses[-4:-2]) / 2
    words = (
        f"validation loss {'still falls' if improving else 'does not fall any more'}: "
        f"{last:.4g} in epochs {count - 1} and {count}, {before:.4g} in the two before"
    )
    if above_bar and not improving:
        words += "; but the bar of full is met already"
    return Check(name, "validation loss falls", last - before, improving or above_bar, words)


def read_decision(run: RunDir) -> GateDecision | None:
    """Return what a person decided about this run; None if nobody did, or if the file says nothing that is known."""
    try:
        content = read_object(run.gate_decision)
        decision = GateDecision.from_dict(content) if content else None
    except WireError:
        return None
    return decision if decision and decision.decision in (RELEASE, RETIRE) else None
