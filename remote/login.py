"""What happens while a connection logs in: the host's key, the questions, and what was tried."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncssh

from remote.asker import Asker
from remote.clean import MAX_CHARS, clean, clean_text
from remote.identities import Identities
from remote.private_keys import Keyring

logger = logging.getLogger(__name__)

MAX_PROMPTS = 16
MAX_LINES = 16
"""So many lines of a text of the host's are shown: a menu of second factors, and no more than a screen holds."""


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
        identities: Identities,
        patience: Patience,
        on_lost: Callable[[str], None],
    ) -> None:
        super().__init__(name, on_lost)
        self.shown_key: asyncssh.SSHKey | None = None
        """The host's key, if it was not on record."""
        self.tried: list[str] = []
        """Authentication methods that the host offered and we tried."""
        self.offered: list[str] = []
        """Where each key was from that was shown to the host: `agent`, or its file."""
        self.patience = patience
        self._asker = asker
        self._keyring = keyring
        self._offers = identities.offers(self._unlock)
        self._link: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._link = conn

    @property
    def greeted(self) -> bool:
        """Whether something at the other end has said that it is SSH."""
        return self._link is not None and bool(self._link.get_extra_info("server_version"))

    async def close(self) -> None:
        """Let go of the agent."""
        await self._offers.aclose()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called for a key that is not on record: remember it and refuse. Who asks, asks between two dials."""
        self.shown_key = key
        return False

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        """Called for one key after the other, until one opens or there is none left."""
        self._note("publickey")
        try:
            origin, pair = await anext(self._offers)
        except StopAsyncIteration:
            return None
        except Exception:
            logger.exception("the keys for %s could not be read", self._name)
            return None
        self.offered.append(origin)
        return pair

    async def _unlock(self, path: Path) -> object:
        return await self._ask(self._keyring.unlock(path, self._asker))

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
        named = clean(" ".join(part for part in (self._name, name) if part))
        title = "\n".join(filter(None, (named, _lines(instructions))))
        questions = [(_lines(text), echo) for text, echo in prompts]
        answers = await self._ask(self._asker.keyboard_interactive(title, questions))
        return list(answers) if isinstance(answers, Sequence) and len(answers) == len(questions) else None

    def _note(self, method: str) -> None:
        if method not in self.tried:
            self.tried.append(method)

    async def _ask(self, question: Awaitable[object]) -> object:
        self.patience.hold()
        try:
            return await question
        except Exception:
            logger.exception("a question about %s was not answered", self._name)
            return None
        finally:
            self.patience.go_on()


def _lines(text: str) -> str:
    """What the host says, in its own lines as it may be a menu; harmless, and no more of it than a person reads."""
    return "\n".join(clean_text(text, MAX_CHARS).strip("\n").split("\n")[:MAX_LINES])
