"""What answers cost, and a limit that no call may pass.

Prices change, so none stands here. A file, named by `TRAJVID_LLM_PRICES`, says them by model, in US dollars a million
tokens, and where it says nothing a cost is not known:

    gpt-4o: {input: 1.00, output: 2.00}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.errors import ConfigError, ProviderError
from trainer.language.providers.calling import CallError
from trainer.language.providers.spec import Spec
from trainer.language.providers.writer import Answer, Writer
from trainer.strict_yaml import load_mapping

PRICES = "TRAJVID_LLM_PRICES"
_TEMPLATE_TOKENS = 200
"""More than a chat template adds to a prompt."""


class SpendingError(ProviderError):
    """The next call might pass the limit; every later one would too."""


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in US dollars."""

    input_usd: float
    output_usd: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / 1e6


def price_of(spec: Spec, environ: Mapping[str, str]) -> Price | None:
    """Return what a service's model costs, None where that is not known. Raises `ConfigError`."""
    path = environ.get(PRICES)
    if not path:
        return None
    try:
        values, lines = load_mapping(Path(path).expanduser().read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise ConfigError(
            f"{path}, named by {PRICES}, cannot be read: {said}", hint="name a file of prices, or unset it"
        ) from exc
    name = spec.name if spec.name in values else spec.model
    return _price(values[name], f"{path}:{lines[name]}") if name in values else None


def _price(value: object, where: str) -> Price:
    if isinstance(value, Mapping) and set(value) == {"input", "output"}:
        prices = [one for one in value.values() if isinstance(one, int | float) and 0 <= one < float("inf")]
        if len(prices) == 2 and not any(isinstance(one, bool) for one in prices):
            return Price(float(value["input"]), float(value["output"]))
    raise ConfigError(
        f"{where}: {value!r} is no price", hint="US dollars a million tokens: MODEL: {input: 1.00, output: 2.00}"
    )


@dataclass
class Budget:
    """What several writers may spend together. `limit_usd` None: as much as they need."""

    limit_usd: float | None = None
    spent_usd: float = 0.0
    """What the answers so far cost, and what lost calls may have cost at most; without those of unknown price."""

    def check(self, name: str, worst_usd: float) -> None:
        """Raise `SpendingError` if one more call that costs so much at most could pass the limit."""
        if self.limit_usd is not None and self.spent_usd + worst_usd > self.limit_usd:
            raise SpendingError(
                f"one more call of {name} may cost {worst_usd:.4f} USD, and {self.spent_usd:.4f} of "
                f"{self.limit_usd:g} USD are spent: stopped before it",
                hint="allow more, describe fewer clips, or describe with rules",
            )


class Metered:
    """Adds what each answer cost, and asks the budget before each call.

    Before a call the worst is assumed: a token for each byte of the prompt, and as many tokens of answer as allowed.
    """

    def __init__(self, writer: Writer, spec: Spec, price: Price | None, budget: Budget, max_tokens: int) -> None:
        if price is None and budget.limit_usd is not None and not spec.on_this_machine:
            raise ConfigError(
                f"at most {budget.limit_usd:g} USD may be spent, and what {spec.name} costs is not known",
                hint=f"write its price (0 if it has none) into a file, in USD a million tokens, "
                f"{spec.model}: {{input: 1.00, output: 2.00}}, and export {PRICES}=FILE; or set no limit",
            )
        self.writer, self.price, self.budget, self.max_tokens = writer, price, budget, max_tokens

    @property
    def name(self) -> str:
        return self.writer.name

    def write(self, system: str, user: str) -> Answer:
        if self.price is None:
            return self.writer.write(system, user)
        worst_usd = self.price.of(len((system + user).encode()) + _TEMPLATE_TOKENS, self.max_tokens)
        self.budget.check(self.name, worst_usd)
        try:
            answer = self.writer.write(system, user)
        except CallError as exc:
            self.budget.spent_usd += worst_usd * exc.billed
            raise
        usage = answer.usage
        if not usage.input_tokens:  # the service does not say what it read
            self.budget.spent_usd += worst_usd
            return answer
        cost_usd = self.price.of(usage.input_tokens, usage.output_tokens)
        self.budget.spent_usd += cost_usd
        return replace(answer, usage=replace(usage, cost_usd=cost_usd))
