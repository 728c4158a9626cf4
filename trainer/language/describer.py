"""A describer turns evidence into an equation and a text. `rules` is one, and so is every language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from trainer.language.evidence import Evidence


@dataclass(frozen=True)
class Usage:
    """What an answer took."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where the price is not known."""
    seconds: float = 0.0
    cached: bool = False
    """True if the answer came from an earlier call: then it cost nothing now."""


@dataclass(frozen=True)
class Description:
    """What was said of one clip. What a describer could not say is empty, and `problem` says why."""

    equation: str = ""
    """`x(t) = ...; y(t) = ...; z(t) = ...` as it was written: camera frame, seconds from frame 0. Anybody's text: only
    `trainer.language.reading` may make sense of it."""
    text: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """The JSON of claims beside the prose: family, direction, extent, speed, turns, radius, apex_s."""
    provider: str = ""
    """Who said it, e.g. `rules` or `openai:gpt-4o`; of a pair `TEXT + EQUATION`."""
    usage: Usage = Usage()
    problem: str = ""


class Describer(Protocol):
    """Describes one clip at a time, from its evidence alone."""

    @property
    def name(self) -> str: ...

    def describe(self, evidence: Evidence) -> Description:
        """Raises `TypeError` for anything but `Evidence`, `ProviderError` where a service or a model gave no answer."""
