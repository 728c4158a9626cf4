"""`anthropic`: Claude, or a service that speaks Anthropic's API of messages, by Anthropic's own library."""

from __future__ import annotations

import time
from typing import Any

from trainer.errors import ConfigError
from trainer.language.describer import Usage
from trainer.language.providers.failures import failures_of, said_instead
from trainer.language.providers.spec import Spec
from trainer.language.providers.writer import Answer


class AnthropicWriter:
    """One call an answer. The API has no temperature to set: two calls may differ, a kept answer does not."""

    def __init__(self, spec: Spec, key: str, *, timeout_s: float, max_tokens: int) -> None:
        self.spec, self._key, self.timeout_s = spec, key, timeout_s
        self._sdk = _library()
        # Given a key, the library looks for no other credential in the environment or on the disk.
        self._client = self._sdk.Anthropic(
            api_key=key or "none", base_url=spec.url, max_retries=0, timeout=self._sdk.Timeout(timeout_s, connect=10.0)
        )
        self.settings: dict[str, Any] = {"max_tokens": max_tokens}

    @property
    def name(self) -> str:
        return self.spec.name

    def write(self, system: str, user: str) -> Answer:
        messages = [{"role": "user", "content": user}]
        start_s = time.monotonic()
        with failures_of(self._sdk, self.spec, self._key, self.timeout_s):
            reply = self._client.messages.create(
                model=self.spec.model, system=system, messages=messages, **self.settings
            )
            return _answer(reply, time.monotonic() - start_s)


def _answer(reply: Any, seconds: float) -> Answer:
    """Raises `ValueError`, or what reading a foreign form raises."""
    if words := said_instead(reply):
        raise ValueError(words)
    text = "".join(block.text for block in reply.content if block.type == "text")
    usage = Usage(int(reply.usage.input_tokens), int(reply.usage.output_tokens), seconds=seconds)
    return Answer(text, usage, cut=reply.stop_reason == "max_tokens")


def _library() -> Any:
    try:
        import anthropic
    except ImportError as exc:
        raise ConfigError("an anthropic provider needs the library anthropic", hint="pip install anthropic") from exc
    return anthropic
