"""A writer answers a text with a text. Every language model is one, and what guards its calls is one around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trainer.language.describer import Usage


@dataclass(frozen=True)
class Answer:
    """What a model wrote: anybody's text, to be read as data and cleaned before it is shown."""

    text: str
    usage: Usage = field(default_factory=Usage)
    cut: bool = False
    """True if it ended at the limit of tokens, not by itself."""


class Writer(Protocol):
    """Answers one prompt at a time."""

    @property
    def name(self) -> str:
        """The spec that opened it, e.g. `openai:gpt-4o`."""
        ...

    def write(self, system: str, user: str) -> Answer:
        """Raises `ProviderError`, in the provider's words, where there is no answer."""
        ...


class Model(Writer, Protocol):
    """A writer that asks a model itself."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What decides an answer beside name and prompt."""
        ...
