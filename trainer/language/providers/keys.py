"""Keys of services: from the environment alone, sent only where nobody can listen, and never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trainer.errors import ConfigError
from trainer.language.providers.spec import SERVICES, Spec

VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
HIDDEN = "[key]"

_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|key|pk)-[\w*.…-]{6,}|(?i:bearer)\s+[\w.*~+/=-]{6,}")
"""Services repeat a part of a wrong key in their words."""


def key_for(spec: Spec, environ: Mapping[str, str]) -> str:
    """Return the key to send with each call, or '' to send none.

    The provider's own service needs one. Any other address gets the key if there is one, and may want none (Ollama,
    vLLM); over plain HTTP only this machine gets it. Raises `ConfigError` that names the variable.
    """
    variable = VARIABLES[spec.provider]
    key = environ.get(variable, "").strip()
    if not key and spec.url == SERVICES[spec.provider]:
        raise ConfigError(
            f"{spec.name} needs a key, and {variable} is not set",
            hint=f"export {variable}=... in the shell, or the environment of the worker, that starts the trainer",
        )
    if not re.fullmatch(r"[!-~]*", key):
        raise ConfigError(f"{variable} holds a space or a character that no key has", hint="copy the key once more")
    return key if spec.url.startswith("https://") or spec.on_this_machine else ""


def redacted(text: str, key: str) -> str:
    """Return `text` without the key, and without anything that looks like one."""
    return _LOOKS_LIKE_A_KEY.sub(HIDDEN, text.replace(key, HIDDEN) if key else text)
