"""A language model as a describer: one prompt of the evidence, one answer taken apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer.language.describer import Describer, Description, Usage
from trainer.language.evidence import Evidence
from trainer.language.providers.answer import take_apart
from trainer.language.providers.prompt import Part, prompt
from trainer.language.providers.writer import Writer


@dataclass(frozen=True)
class AskingDescriber:
    """Describes by what `writer` answers."""

    writer: Writer
    parts: Part = Part.ALL

    @property
    def name(self) -> str:
        return self.writer.name

    def describe(self, evidence: Evidence) -> Description:
        answer = self.writer.write(*prompt(evidence, self.parts))
        said = take_apart(answer.text)
        missing = [
            *(["no equation"] if Part.EQUATION in self.parts and not said.equation else []),
            *(["no text"] if Part.TEXT in self.parts and not said.text else []),
            *(["no claims"] if Part.TEXT in self.parts and not said.claims else []),
            *(["cut at its limit of tokens"] if answer.cut else []),
        ]
        return Description(
            equation=said.equation if Part.EQUATION in self.parts else "",
            text=said.text if Part.TEXT in self.parts else "",
            claims=said.claims if Part.TEXT in self.parts else {},
            provider=self.name,
            usage=answer.usage,
            problem=f"the answer has {', '.join(missing)}" if missing else "",
        )


@dataclass(frozen=True)
class Pair:
    """Text and claims from one describer, the equation from another."""

    text: Describer
    equations: Describer

    @property
    def name(self) -> str:
        return f"{self.text.name} + {self.equations.name}"

    def describe(self, evidence: Evidence) -> Description:
        said, written = self.text.describe(evidence), self.equations.describe(evidence)
        problems = [f"{who.provider}: {who.problem}" for who in (said, written) if who.problem]
        return replace(
            said,
            equation=written.equation,
            provider=self.name,
            usage=_together(said.usage, written.usage),
            problem="; ".join(problems),
        )


def _together(one: Usage, other: Usage) -> Usage:
    """Return what two answers took; a cost that is not known of one is not known of both."""
    known = one.cost_usd is not None and other.cost_usd is not None
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=(one.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        seconds=one.seconds + other.seconds,
        cached=one.cached and other.cached,
    )
