"""Providers opened by their specs. Opening checks all that can be checked before the first call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, Unpack

from trainer.errors import ConfigError
from trainer.language.describer import Describer
from trainer.language.providers.anthropic_api import AnthropicWriter
from trainer.language.providers.cache import Cached
from trainer.language.providers.calling import Limits, Patient
from trainer.language.providers.describer import AskingDescriber, Pair
from trainer.language.providers.keys import key_for
from trainer.language.providers.local import LocalWriter
from trainer.language.providers.openai_api import OpenAIWriter
from trainer.language.providers.prompt import Part
from trainer.language.providers.spec import LOCAL, RULES, Spec, parse_spec
from trainer.language.providers.spending import Budget, Metered, price_of
from trainer.language.providers.writer import Model, Writer

MAX_TOKENS = 2000
"""Of one answer, the thoughts of a model that reasons included."""
LOCAL_TOKENS = 400
"""A small model that has not ended by then repeats itself, and each token takes time."""
_SERVICES: dict[str, type[OpenAIWriter] | type[AnthropicWriter]] = {
    "openai": OpenAIWriter,
    "anthropic": AnthropicWriter,
}


class Terms(TypedDict, total=False):
    """On what terms a language model is asked."""

    cache: Path | None
    """A folder where answers are kept; none by default."""
    budget: Budget | None
    """What may be spent; several writers may share one. By default without a limit."""
    limits: Limits | None
    """By default those of the environment."""
    max_tokens: int
    """Of one answer; `MAX_TOKENS`, of a local model `LOCAL_TOKENS`."""
    sleep: Callable[[float], object]
    """How a writer waits."""


def open_writer(spec: str, **terms: Unpack[Terms]) -> Writer:
    """Open a language model.

    Raises `ConfigError` for a spec that means nothing, a missing key, library or model, and for a limit of money where
    the price is not known.
    """
    asked = parse_spec(spec)
    if asked.provider == RULES:
        raise ConfigError("rules answer no prompt", hint="name a language model")
    if asked.provider == LOCAL:
        model: Model = LocalWriter(asked, max_tokens=terms.get("max_tokens", LOCAL_TOKENS))
        return _cached(model, model, terms)
    limits = terms.get("limits") or Limits.from_environment(os.environ)
    max_tokens = terms.get("max_tokens", MAX_TOKENS)
    price, budget = price_of(asked, os.environ), terms.get("budget") or Budget()
    key = key_for(asked, os.environ)
    model = _SERVICES[asked.provider](asked, key, timeout_s=limits.timeout_s, max_tokens=max_tokens)
    metered = Metered(model, asked, price, budget, max_tokens)
    return _cached(Patient(metered, limits, sleep=terms.get("sleep", time.sleep)), model, terms)


def _cached(writer: Writer, model: Model, terms: Terms) -> Writer:
    cache = terms.get("cache")
    return Cached(writer, cache, model.settings) if cache else writer


def open_describer(spec: str, parts: Part = Part.ALL, **terms: Unpack[Terms]) -> Describer:
    """Open whoever describes clips: the rules, which need no terms, or a language model. Raises like `open_writer`."""
    if parse_spec(spec) == Spec(RULES):
        from trainer.language.rules import RulesDescriber

        return RulesDescriber()
    return AskingDescriber(open_writer(spec, **terms), parts)


def open_pair(text: str, equations: str = "", **terms: Unpack[Terms]) -> Describer:
    """Open one describer for texts and claims and another for equations; '' or the same spec: one for both."""
    if not equations or parse_spec(equations) == parse_spec(text):
        return open_describer(text, **terms)
    return Pair(open_describer(text, Part.TEXT, **terms), open_describer(equations, Part.EQUATION, **terms))
