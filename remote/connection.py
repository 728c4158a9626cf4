"""One connection to one host, shared by everything: commands, follower, git, rsync go over its line."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from remote.clean import clean
from remote.command import Completed, RunningCommand, announced, new_tag, obeys_signals
from remote.errors import FarSideError, RemoteError, Unreachable
from remote.line import Line

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")

SHORT_COMMANDS = 4
"""At most so many at once: a host's MaxSessions is 10, and follower, git and rsync need theirs."""
OPEN_TRIES = 8


class Connection(Line):
    """What goes over the line to a host. All methods belong to one event loop."""

    @cached_property
    def _short(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(SHORT_COMMANDS)

    @cached_property
    def _reaping(self) -> set[asyncio.Future[None]]:
        return set()

    async def open(self, command: str) -> asyncssh.SSHClientProcess[bytes]:
        """Start a long-lived command in binary; the caller closes it. A full host is asked again for a while.

        The command must end when its stdin does (see `remote.command`): closing its channel kills nothing.
        """
        opening = asyncio.ensure_future(self._open(command))
        try:
            _, process = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        return process

    async def _open(
        self, command: str, tag: str = ""
    ) -> tuple[asyncssh.SSHClientConnection, asyncssh.SSHClientProcess[bytes]]:
        from remote.ssh_options import BULK

        async def start(
            ssh: asyncssh.SSHClientConnection,
        ) -> tuple[asyncssh.SSHClientConnection, asyncssh.SSHClientProcess[bytes]]:
            line = announced(command, tag) if tag and not obeys_signals(ssh) else command
            return ssh, await ssh.create_process(line, encoding=None, **BULK)

        return await self.channel(start)

    async def channel(self, start: Callable[[asyncssh.SSHClientConnection], Awaitable[T]]) -> T:
        """Open a channel by `start`; a host that is full is asked again for a while.

        Raises `Unreachable`, or `FarSideError` (sessions) if it stays full.
        """
        import asyncssh

        refusal = ""
        lost = Unreachable(f"{self.host.name}: the connection was lost at a command's start")
        for attempt in range(OPEN_TRIES):
            ssh = await self.ssh()
            try:
                return await start(ssh)
            except asyncssh.ChannelOpenError as exc:
                if ssh.is_closed():
                    raise lost from exc
                refusal = clean(exc.reason)
            except Exception as exc:
                # asyncssh stumbles (AssertionError, AttributeError) over a connection that goes in this moment.
                await asyncio.sleep(0)
                if isinstance(exc, (asyncssh.Error, OSError)) or ssh.is_closed():
                    raise lost from exc
                raise
            await asyncio.sleep(0.02 * 2**attempt * (1 + random.random()))
        raise FarSideError(
            f"{self.host.name} refuses to open another session ({refusal})",
            code="sessions",
            hint="too many sessions are open on it; see MaxSessions in its sshd_config",
        )

    async def run(
        self, command: str, *, input: bytes = b"", timeout_s: float = 30.0, max_bytes: int = 4 * 1024 * 1024
    ) -> Completed:
        """Run a short command to its end. Raises `Unreachable` (also if it is late) or `FarSideError`.

        Cancelled, late or printing over `max_bytes`, the command is killed on the host.
        """
        await self._short.acquire()
        starting = asyncio.ensure_future(self._start(command, max_bytes))
        try:
            async with asyncio.timeout(timeout_s):
                running = await asyncio.shield(starting)
                return await running.finish(input)
        except TimeoutError as exc:
            raise Unreachable(f"{self.host.name}: no answer to a command within {timeout_s:g} s") from exc
        finally:
            reaping = asyncio.ensure_future(self._reap(starting))
            self._reaping.add(reaping)
            reaping.add_done_callback(self._reaping.discard)

    async def _start(self, command: str, max_bytes: int) -> RunningCommand:
        tag = new_tag()
        ssh, process = await self._open(command, tag)
        return RunningCommand(self.host.name, ssh, process, "" if obeys_signals(ssh) else tag, max_bytes)

    async def _reap(self, starting: asyncio.Future[RunningCommand]) -> None:
        """Give a command's session slot back, and only then our own."""
        try:
            await (await starting).reap()
        except RemoteError:
            pass
        finally:
            self._short.release()

    async def close(self) -> None:
        """Let go of the host. What runs there in sessions of its own goes on."""
        await super().close()
        await asyncio.gather(*self._reaping, return_exceptions=True)


def _close_late(opening: asyncio.Future[tuple[asyncssh.SSHClientConnection, asyncssh.SSHClientProcess[bytes]]]) -> None:
    """A command that nobody waits for any more has started after all."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[1].close()
