"""What happens while a connection logs in: the host's key, the questions, and what was tried."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncssh

from remote.asker import Asker
from remote.clean import clean
from remote.private_keys import Keyring

logger = logging.getLogger(__name__)

MAX_PROMPTS = 16


class Patience:
    """A deadline for the host, which stands still while a person is being asked."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> Patience:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._timeout.__aexit__(*error)

    def hold(self) -> None:
        self._move(None)

    def go_on(self) -> None:
        self._move(asyncio.get_running_loop().time() + self._seconds)

    def _move(self, when: float | None) -> None:
        with contextlib.suppress(RuntimeError):  # it is over already
            self._timeout.reschedule(when)


class Watched(asyncssh.SSHClient):
    """Tells when the connection is lost. No callback may raise: that would end the whole connection."""

    def __init__(self, name: str, on_lost: Callable[[str], None]) -> None:
        self._name = name
        self._on_lost = on_lost
        self._logged_in = False

    def auth_completed(self) -> None:
        self._logged_in = True

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._logged_in:
            return  # the dial itself fails, and says why
        try:
            self._on_lost(clean(str(exc)) if exc else "")
        except Exception:
            logger.exception("the loss of %s could not be told", self._name)


class Login(Watched):
    """asyncssh's callbacks while one connection logs in."""

    def __init__(
        self,
        name: str,
        asker: Asker,
        keyring: Keyring,
        locked: Sequence[Path],
        patience: Patience,
        on_lost: Callable[[str], None],
    ) -> None:
        super().__init__(name, on_lost)
        self.shown_key: asyncssh.SSHKey | None = None
        """The host's key, if it was not on record."""
        self.tried: list[str] = []
        """Authentication methods that the host offered and we tried."""
        self._asker = asker
        self._keyring = keyring
        self._locked = list(locked)
        self.patience = patience

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called for a key that is not on record: remember it and refuse. Who asks, asks between two dials."""
        self.shown_key = key
        return False

    async def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        """Called when the agent's and the open keys are used up: now the locked ones, one a call."""
        self._note("publickey")
        while self._locked:
            path = self._locked.pop(0)
            key = await self._ask(self._keyring.unlock(path, self._asker))
            if isinstance(key, asyncssh.SSHKey):
                return key
        return None

    def password_auth_requested(self) -> str | None:
        """Passwords are asked for through keyboard-interactive only."""
        return None

    def kbdint_auth_requested(self) -> str | None:
        self._note("keyboard-interactive")
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        if not prompts:
            return []
        if len(prompts) > MAX_PROMPTS:
            return None
        title = clean(" ".join(part for part in (self._name, name, instructions) if part))
        questions = [(clean(text), echo) for text, echo in prompts]
        answers = await self._ask(self._asker.keyboard_interactive(title, questions))
        return list(answers) if isinstance(answers, Sequence) and len(answers) == len(questions) else None

    def _note(self, method: str) -> None:
        if method not in self.tried:
            self.tried.append(method)

    async def _ask(self, question: object) -> object:
        self.patience.hold()
        try:
            return await question  # type: ignore[misc]
        except Exception:
            logger.exception("a question about %s was not answered", self._name)
            return None
        finally:
            self.patience.go_on()
