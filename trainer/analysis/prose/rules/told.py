"""What the rules tell from: the analysis, and its facts in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from trainer.analysis.analysis import Analysis
from trainer.analysis.classes import ClassRecall
from trainer.analysis.prose.facts import Facts
from trainer.analysis.reached import Reached, reached
from trainer.analysis.standing import AgainstControl

QUIET = 0.05
NOTABLE_DROP = 0.05
"""Accuracy lost on a held-out test that is worth a sentence of its own."""


@dataclass(frozen=True)
class Told:
    """One run, as the sections need it."""

    analysis: Analysis
    facts: Facts

    def __call__(self, name: str) -> str:
        """Return a fact as it is written. Raises KeyError where the run does not have it: ask `has` before."""
        return self.facts[name].shown

    def has(self, *names: str) -> bool:
        """True if the run has all of these."""
        return all(name in self.facts for name in names)

    def is_over(self, name: str, bar: float) -> bool:
        """True if the run has this number and it is above the bar."""
        value = self.facts.value(name)
        return value is not None and value > bar

    @property
    def best_control(self) -> AgainstControl | None:
        """The control of the lowest forecast error."""
        rows = [row for row in self.analysis.controls if row.pred_mse is not None and not row.reference]
        return min(rows, key=lambda row: row.pred_mse or 0.0, default=None)

    @cached_property
    def reached(self) -> Reached:
        """How far the run came."""
        return reached(self.analysis.results)

    @property
    def still_falls(self) -> bool:
        """True if the run is at its end, and its validation loss was still falling there."""
        found = self.analysis.convergence
        return self.reached.end != "under way" and found is not None and found.still_falling and self.has("loss.late")

    @property
    def closest_control(self) -> AgainstControl | None:
        """The control of the highest accuracy."""
        rows = [row for row in self.analysis.controls if row.gained is not None and not row.reference]
        return min(rows, key=lambda row: row.gained or 0.0, default=None)

    @property
    def split(self) -> str:
        """Where the figures are of: `the test split`, `the validation split in epoch 7`."""
        name, _, epoch = self.analysis.judged_on.partition(", ")
        return f"the {name} split" + (f" in {epoch}" if epoch else "")

    @property
    def weakest(self) -> ClassRecall | None:
        """The class of the lowest recall, if any clip of it was named wrongly."""
        rows = [row for row in self.analysis.classes if row.recall is not None and row.recall < 1]
        return min(rows, key=lambda row: row.recall or 0.0, default=None)

    @property
    def drops(self) -> list[str]:
        """The held-out tests that cost notable accuracy, the costliest first."""
        notable = {name: drop for name, drop in self.analysis.drops.items() if drop > NOTABLE_DROP}
        return sorted(notable, key=lambda name: -notable[name])

    @property
    def rate_used_up(self) -> bool:
        """True if the learning rate ended at next to nothing of its peak."""
        rates = self.analysis.results.curve("learning_rate")
        return len(rates) > 1 and rates[-1] < 0.01 * rates.max()

    @property
    def ends_quietly(self) -> bool:
        """True if the last five validation losses are nearly alike."""
        spread = self.facts.value("end.spread")
        return spread is not None and spread < QUIET

    @property
    def near_horizons_lost(self) -> AgainstControl | None:
        """The control that is better than the run for longest, before the run is."""
        rows = [row for row in self.analysis.controls if not row.reference and (row.better_from or 1) > 1]
        return max(rows, key=lambda row: row.better_from or 0, default=None)


def named(name: str) -> str:
    """Return the name of a control or test as a reader knows it."""
    return f"`{name.replace('_', ' ')}`"


def listed(items: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))
