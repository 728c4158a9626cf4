"""The two tasks of a model. A weight of 0 switches one off: it is in no loss, no gate and no result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLASS_FIGURES = frozenset({"accuracy", "precision", "recall", "f1"})
FORECAST_FIGURES = frozenset({"pred_mse", "skill", "mae_percent_t4", "mae_percent_t5"})


@dataclass(frozen=True)
class Tasks:
    """Which of them are trained."""

    classes: bool = True
    forecast: bool = True

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Tasks:
        """Return those of a config as a results file has it; a weight that it does not name is not 0."""
        return cls(config.get("w_class") != 0, config.get("w_pred") != 0)

    def untrained(self, figure: str) -> str:
        """Say that a figure is of a task that is switched off; '' if it is not."""
        if figure in CLASS_FIGURES and not self.classes:
            return "the classes are not trained (w_class is 0)"
        if figure in FORECAST_FIGURES and not self.forecast:
            return "the forecast is not trained (w_pred is 0)"
        return ""

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know: one line for each task that is switched off."""
        return [words for figure in ("accuracy", "pred_mse") if (words := self.untrained(figure))]


BOTH = Tasks()
