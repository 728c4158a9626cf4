"""`openai`: any service that speaks OpenAI's API of chat completions, by OpenAI's own library."""

from __future__ import annotations

import time
from typing import Any

from trainer.errors import ConfigError
from trainer.language.describer import Usage
from trainer.language.providers.failures import failures_of, said_instead
from trainer.language.providers.spec import SERVICES, Spec
from trainer.language.providers.writer import Answer


class OpenAIWriter:
    """One call an answer, the most likely words at each step where the model lets us choose."""

    def __init__(self, spec: Spec, key: str, *, timeout_s: float, max_tokens: int) -> None:
        self.spec, self._key, self.timeout_s = spec, key, timeout_s
        self._sdk = _library()
        # A server without a key of its own takes any; the library takes none that is empty.
        self._client = self._sdk.OpenAI(
            api_key=key or "none", base_url=spec.url, max_retries=0, timeout=self._sdk.Timeout(timeout_s, connect=10.0)
        )
        # The old word of the limit is refused by OpenAI's newer models, and the new one by some other services.
        limit = "max_completion_tokens" if spec.url == SERVICES["openai"] else "max_tokens"
        self.settings: dict[str, Any] = {limit: max_tokens, "temperature": 0}

    @property
    def name(self) -> str:
        return self.spec.name

    def write(self, system: str, user: str) -> Answer:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        start_s = time.monotonic()
        with failures_of(self._sdk, self.spec, self._key, self.timeout_s):
            reply = self._ask(messages)
            return _answer(reply, time.monotonic() - start_s)

    def _ask(self, messages: list[dict[str, str]]) -> Any:
        create = self._client.chat.completions.create
        try:
            return create(model=self.spec.model, messages=messages, **self.settings)
        except self._sdk.BadRequestError as exc:
            # models that reason choose their own temperature
            if exc.param != "temperature" or self.settings.pop("temperature", None) is None:
                raise
            return create(model=self.spec.model, messages=messages, **self.settings)


def _answer(reply: Any, seconds: float) -> Answer:
    """Raises `ValueError`, or what reading a foreign form raises."""
    if words := said_instead(reply):
        raise ValueError(words)
    choice, usage = reply.choices[0], reply.usage
    read, written = (int(usage.prompt_tokens), int(usage.completion_tokens)) if usage else (0, 0)
    text = choice.message.content or getattr(choice.message, "refusal", None) or ""
    return Answer(str(text), Usage(read, written, seconds=seconds), cut=choice.finish_reason == "length")


def _library() -> Any:
    try:
        import openai
    except ImportError as exc:
        raise ConfigError("an openai provider needs the library openai", hint="pip install openai") from exc
    return openai
