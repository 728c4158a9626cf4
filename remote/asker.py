"""Who answers when a connection has a question: the app (a modal), the command line (a prompt), or nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Asker(Protocol):
    """Answers on a person's behalf. All text given to it is cleaned already."""

    async def passphrase(self, prompt: str) -> str | None:
        """The passphrase of a private key, None to give up."""
        ...

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        """One answer a prompt (text, echo), None to give up. `title` is what the host wants to be known as.

        Both may have several lines.
        """
        ...

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        """True to trust a host that is seen for the first time. Never called for a key that changed."""
        ...

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        """True to let `command` of a profile run on this laptop, now and later, for the secret named `key`."""
        ...


class Refuser:
    """Nobody is there to ask: every question is answered with no."""

    async def passphrase(self, prompt: str) -> str | None:
        return None

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        return None

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        return False

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        return False


class Attended:
    """Passes questions on, and knows whether a person is being asked one right now."""

    def __init__(self, asker: Asker) -> None:
        self._asker, self._open = asker, 0

    @property
    def asking(self) -> bool:
        return self._open > 0

    async def _wait(self, question: Awaitable[T]) -> T:
        self._open += 1
        try:
            return await question
        finally:
            self._open -= 1

    async def passphrase(self, prompt: str) -> str | None:
        return await self._wait(self._asker.passphrase(prompt))

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        return await self._wait(self._asker.keyboard_interactive(title, prompts))

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        return await self._wait(self._asker.accept_host_key(host, fingerprint))

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        return await self._wait(self._asker.allow_command(profile, key, command))


class RefuserAccepting(Refuser):
    """Nobody is there, but something was approved beforehand: exactly this host key (`--accept-host-key SHA256:...`),
    or the commands that the profile names (`--yes`).
    """

    def __init__(self, fingerprint: str, *, commands: bool = False) -> None:
        self.fingerprint, self._commands = fingerprint, commands

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        return fingerprint == self.fingerprint

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        return self._commands
