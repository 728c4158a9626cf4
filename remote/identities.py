"""What a person may log in with at one host, and in which order it is offered.

As ssh(1) does: first the agent's keys that are named here, then its others (not with IdentitiesOnly, nor beside the
`identity:` of a profile), then key files, those with a passphrase last. A host ends a login after some six keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from remote.errors import UsageError
from remote.private_keys import check_identity, default_identities, encrypted

AGENT = "agent"
AGENT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Identities:
    """Key files, their certificates, and the agent."""

    files: tuple[Path, ...] = ()
    """Private keys."""
    locked: frozenset[Path] = frozenset()
    """Those of them that need a passphrase."""
    certificates: tuple[asyncssh.SSHCertificate, ...] = ()
    agent: str = ""
    """The agent's socket, '' for none."""
    only: bool = False
    """Of the agent's keys only those that are named."""
    public: tuple[tuple[Path, bytes], ...] = ()
    """Public halves of what is named, as far as they are known."""
    skipped: tuple[str, ...] = ()
    """What is named and cannot be used, and why."""
    named: tuple[Path, ...] = ()
    """Every file that is looked for, a key that can be used or not."""

    async def offers(self, unlock: Callable[[Path], Awaitable[Any]]) -> AsyncGenerator[tuple[str, asyncssh.SSHKeyPair]]:
        """Where each key is from and the key, in order. `unlock` asks for a passphrase; None gives the key up."""
        offered: set[bytes] = set()
        async with contextlib.AsyncExitStack() as stack:
            for key in await self._agents_keys(stack):
                offered.add(key.public_data)
                for pair in self._certified(key):
                    yield AGENT, pair
            for path in sorted(self.files, key=lambda path: path in self.locked):
                if dict(self.public).get(path) in offered:
                    continue
                private = await (unlock(path) if path in self.locked else asyncio.to_thread(_open, path))
                if isinstance(private, asyncssh.SSHKey):
                    for pair in asyncssh.load_keypairs([self._with_certificate(private)]):
                        yield str(path), pair

    async def _agents_keys(self, stack: contextlib.AsyncExitStack) -> list[asyncssh.SSHKeyPair]:
        if not self.agent:
            return []
        named = {half for _, half in self.public} | {cert.public_data for cert in self.certificates}
        try:
            async with asyncio.timeout(AGENT_TIMEOUT_S):
                agent = await stack.enter_async_context(asyncssh.connect_agent(self.agent))
                keys = list(await agent.get_keys())
        except (OSError, ValueError, TimeoutError, asyncssh.Error):
            return []  # no agent is a login without one; doctor looks whether it answers
        return sorted(
            (key for key in keys if key.public_data in named or not self.only),
            key=lambda key: key.public_data not in named,
        )

    def _certified(self, key: asyncssh.SSHKeyPair) -> list[asyncssh.SSHKeyPair]:
        found = self._certificate(key.public_data)
        if found is None:
            return [key]
        with_it = copy.copy(key)
        with_it.set_certificate(found)
        return [with_it, key]

    def _with_certificate(self, key: asyncssh.SSHKey) -> Any:
        found = self._certificate(key.public_data)
        return key if found is None else (key, found)

    def _certificate(self, public: bytes) -> asyncssh.SSHCertificate | None:
        return next((cert for cert in self.certificates if cert.key.public_data == public), None)


def of_profile(path: Path, host: str, agent: str) -> Identities:
    """The key that the profile names, and no other. Raises for a file that cannot be used."""
    check_identity(path, host)
    locked = encrypted(path)
    return Identities(
        files=(path,),
        locked=frozenset({path} if locked else ()),
        certificates=tuple(_certificates([_beside(path, "-cert.pub")])),
        agent=agent if locked else "",  # it may have been given the passphrase already
        only=True,
        public=tuple(_halves([path])),
        named=(path,),
    )


def of_config(named: Iterable[str] | None, certificates: Iterable[str], agent: str, *, only: bool) -> Identities:
    """What ~/.ssh/config names, the default keys where it says nothing of it (None). What cannot be used is passed
    over, as ssh does."""
    paths = default_identities() if named is None else [Path(name).expanduser() for name in named]
    files, locked, skipped = [], set(), []
    for path in paths:
        try:
            check_identity(path, "")
            if _is_public(path):
                continue  # it names a key of the agent
            if encrypted(path):
                locked.add(path)
        except Exception as exc:
            skipped.append(_why(path, exc))
        else:
            files.append(path)
    beside = [_beside(path, "-cert.pub") for path in files]
    return Identities(
        tuple(files), frozenset(locked),
        tuple(_certificates([*(Path(name).expanduser() for name in certificates), *beside])),
        agent, only, tuple(_halves(paths)), tuple(skipped), tuple(paths),
    )  # fmt: skip


def agent_path(said: str | None) -> str:
    """The agent's socket by `IdentityAgent`: None is `none`, '' is not said."""
    if said is None:
        return ""
    if said in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK", "")
    if said.startswith("$"):
        return os.environ.get(said[1:].strip("{}"), "")
    return str(Path(said).expanduser())


def _why(path: Path, exc: Exception) -> str:
    if not path.exists():
        return f"{path} does not exist"
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            return f"{path} is open to others (chmod 600 {path})"
    return str(exc).removeprefix(": ") if isinstance(exc, UsageError) else f"{path} cannot be read"


def _open(path: Path) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.read_private_key(str(path))
    except (OSError, ValueError):
        return None  # it was readable a moment ago


def _is_public(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"PRIVATE KEY" not in file.read(4096) and bool(asyncssh.read_public_key(str(path)))
    except (OSError, ValueError):
        return False


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _halves(paths: Iterable[Path]) -> Iterable[tuple[Path, bytes]]:
    """Public halves, from the file beside the key or from the key's own."""
    for path in paths:
        for where in (_beside(path, ".pub"), path):
            with contextlib.suppress(OSError, ValueError):
                yield path, asyncssh.read_public_key(str(where)).public_data
                break


def _certificates(paths: Iterable[Path]) -> Iterable[asyncssh.SSHCertificate]:
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            yield asyncssh.read_certificate(str(path))
