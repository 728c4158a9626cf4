"""A run that is trained within a second, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.trainer.sessions import tiny
from trainer.config import TrainConfig
from trainer.errors import ProviderError
from trainer.language.describer import Description
from trainer.language.evidence import Evidence

LINE = "x(t) = 0.1 + 0.5*t; y(t) = 0.2; z(t) = 3"
ANSWER = f'EQUATION: {LINE}\nTEXT: The sphere moves in a straight line.\nCLAIMS: {{"family": "linear"}}'


def told(*words: str) -> TrainConfig:
    """Return the config of a tiny run that describes clips at its end."""
    return tiny("epochs=1", "then=[describe]", *words)


@dataclass
class Scripted:
    """A describer that says one line of every clip, or fails where it is told to."""

    failing: Mapping[int, ProviderError] = field(default_factory=dict)
    """By the number of the call."""
    name: str = "scripted"
    asked: list[Evidence] = field(default_factory=list)

    def describe(self, evidence: Evidence) -> Description:
        self.asked.append(evidence)
        if (problem := self.failing.get(len(self.asked))) is not None:
            raise problem
        return Description(LINE, "A line.", {"family": "linear"}, self.name)
