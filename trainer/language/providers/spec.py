"""Providers by name: `rules`, `openai:MODEL[@URL]`, `anthropic:MODEL[@URL]`, `transformers:FOLDER`."""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from trainer.errors import ConfigError

RULES = "rules"
SERVICES = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
"""Where each API lives, unless a spec names another address that speaks it."""
LOCAL = "transformers"
PROVIDERS = (RULES, *SERVICES, LOCAL)
FORMS = "rules, openai:MODEL[@URL], anthropic:MODEL[@URL] or transformers:FOLDER"

_MODEL_AT_URL = re.compile(r"(?P<model>.+?)(@(?P<url>https?://.*))?")


@dataclass(frozen=True)
class Spec:
    """Who is asked."""

    provider: str
    model: str = ""
    """The service's name of the model, or the folder (or GGUF file) of a local one; '' for the rules."""
    url: str = ""
    """Base address of the service; '' for what runs here."""

    @property
    def name(self) -> str:
        """As a person writes it: the provider's own address is left out."""
        address = f"@{self.url}" if self.url and self.url != SERVICES[self.provider] else ""
        return f"{self.provider}:{self.model}{address}" if self.model else self.provider

    @property
    def on_this_machine(self) -> bool:
        """True for the rules, a local model, and a service behind this machine's own address (Ollama, vLLM)."""
        return not self.url or is_loopback(self.url)


def parse_spec(text: str) -> Spec:
    """Read a spec without opening anything. Raises `ConfigError` that says what such a spec looks like."""
    provider, colon, model = text.strip().partition(":")
    if provider not in PROVIDERS:
        near = difflib.get_close_matches(provider.lower(), PROVIDERS, 1)
        raise ConfigError(
            f"no provider {provider!r} of descriptions" + (f"; did you mean {near[0]!r}?" if near else ""),
            hint=f"one is {FORMS}; what speaks OpenAI's API is openai:MODEL@URL, such as Ollama's "
            "openai:phi@http://localhost:11434/v1",
        )
    if provider == RULES:
        if colon:
            raise ConfigError(f"{text!r}: the rules have no model", hint="write rules alone")
        return Spec(RULES)
    match = _MODEL_AT_URL.fullmatch(model)
    if match is None or not model.isprintable():
        raise ConfigError(f"{text!r} names no model", hint=f"one is {FORMS}")
    if provider == LOCAL:
        return Spec(LOCAL, model)
    return Spec(provider, match["model"], _address(match["url"] or SERVICES[provider]))


def _address(url: str) -> str:
    """Return a base address without its last slash. Raises `ConfigError` for one with a secret or without a host."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or " " in url:
        raise ConfigError(f"{url!r} is no address of a service", hint="for example: http://localhost:11434/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        # not repeated: what stands there is a secret
        raise ConfigError(
            f"the address of {parts.hostname} holds a user, a password or a query",
            hint="a key comes from the environment alone; an address is http(s)://HOST[:PORT]/PATH",
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Return whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
