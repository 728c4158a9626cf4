"""The six sections written from the numbers alone: no language model, no network, the same text every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trainer.analysis.analysis import Analysis
from trainer.analysis.prose.facts import Facts
from trainer.analysis.prose.rules.architecture import architecture
from trainer.analysis.prose.rules.dynamics import dynamics
from trainer.analysis.prose.rules.failures import failures
from trainer.analysis.prose.rules.improvements import improvements
from trainer.analysis.prose.rules.performance import performance
from trainer.analysis.prose.rules.questions import questions
from trainer.analysis.prose.rules.told import Told
from trainer.analysis.prose.sections import SECTIONS
from trainer.language.providers.writer import Answer

WRITTEN: Mapping[str, Callable[[Told], list[str]]] = {
    "performance": performance,
    "dynamics": dynamics,
    "architecture": architecture,
    "failures": failures,
    "improvements": improvements,
    "questions": questions,
}
"""Section -> its paragraphs and items."""


class Rules:
    """Writes of the one run that it was made for, whatever the prompt."""

    name = "rules"

    def __init__(self, analysis: Analysis, facts: Facts) -> None:
        self._told = Told(analysis, facts)

    def write(self, system: str, user: str) -> Answer:
        """Return the six sections as Markdown."""
        parts = [f"## {one.title}\n\n" + "\n".join(WRITTEN[one.key](self._told)) for one in SECTIONS]
        return Answer("\n\n".join(parts))
