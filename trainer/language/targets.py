"""What descriptions shall reach, as it was set for `rules` on `medium` before anything was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.language.rates import BENDING, WITHOUT_BENDING
from trainer.language.rows import MODEL
from trainer.language.tables import BRIEF, cell, share

ANOTHER = "shuffled evidence"


@dataclass(frozen=True)
class Target:
    """One figure of one row, and where it shall lie."""

    figure: str
    group: str = "all"
    """All clips, or some of the families."""
    least: float = 0.0
    goal: float | None = None
    most: float = 1.0
    row: str = MODEL

    @property
    def name(self) -> str:
        """In words."""
        where = "" if self.group == "all" else f", {self.group}"
        return f"{BRIEF[self.figure]}{where}" + ("" if self.row == MODEL else ", another clip's")

    @property
    def bar(self) -> str:
        """In words."""
        if self.most < 1:
            return f"<= {share(self.most)}"
        return f">= {share(self.least)}" + (f" (goal {share(self.goal)})" if self.goal is not None else "")


TARGETS = (
    Target("parses", least=1.0),
    Target("family", least=0.95, goal=0.98),
    Target("parameters", WITHOUT_BENDING, least=0.90, goal=0.97),
    Target("parameters", BENDING, least=0.55, goal=0.80),
    Target("rmse", least=0.85, goal=0.95),
    Target("claim_f1", least=0.85),
    Target("claim_f1", row=ANOTHER, most=0.35),
    Target("coherent", least=0.90),
)
"""The goal of parabolas is one of clips of 32 frames."""


def judged(content: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return each target that descriptions.json has a figure for, in words: name, bar, figure, verdict."""
    rates = {row["name"]: row["rates"] for row in content["rows"]}
    found = []
    for target in TARGETS:
        figures = rates.get(target.row, {}).get(target.group, {})
        if (value := figures.get(target.figure)) is not None:
            met = target.least <= value <= target.most
            reached = target.goal is not None and value >= target.goal
            verdict = "goal met" if reached else "met" if met else "not met"
            found.append((target.name, target.bar, cell(figures, target.figure), verdict))
    head, family = content["class_head"], rates[MODEL]["all"].get("family")
    if head is not None and family is not None:
        verdict = "met" if family >= head else "not met"
        found.append(("family, class head", f">= {share(head)}", share(family), verdict))
    return found
