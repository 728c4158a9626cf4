"""One connection to one host, shared by everything: commands, follower, git, rsync.

    UNKNOWN -> CONNECTING -> LIVE -> OFFLINE (retry at) -> CONNECTING ...
                    '------> NEEDS_YOU (until `retry_now`)

`asyncssh` is imported when the first connection is dialled: it costs 220 ms that the first screen does not wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from remote.asker import Asker, Refuser
from remote.clean import clean, clean_text
from remote.errors import FarSideError, NeedsYou, RemoteError, Unreachable
from remote.profiles import Host
from remote.snapshot import Link, LinkStatus

if TYPE_CHECKING:
    import asyncssh

    from remote.embedded import EmbeddedServer
    from remote.private_keys import Keyring

logger = logging.getLogger(__name__)

SHORT_COMMANDS = 4
"""At most so many at once: a host's MaxSessions is 10, and follower, git and rsync need theirs."""
OPEN_TRIES = 8
STDERR_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 60.0
STEADY_S = 30.0
"""A connection that held this long starts the back-off anew."""


@dataclass(frozen=True)
class Completed:
    """A remote command that has ended."""

    code: int
    """Exit status; 128 + n after signal n, 255 if the host did not say."""
    stdout: bytes
    stderr: str
    """Cleaned."""


def backoff_s(failures: int, jitter: float) -> float:
    """Seconds before the next attempt: doubling, capped, between half and all of it by `jitter` in 0..1."""
    return float(min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)) * (0.5 + 0.5 * jitter))


class Connection:
    """See the module. All methods belong to one event loop."""

    def __init__(
        self,
        host: Host,
        *,
        asker: Asker | None = None,
        on_status: Callable[[LinkStatus], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        keyring: Keyring | None = None,
        server: EmbeddedServer | None = None,
    ) -> None:
        self.host = host
        self.status = LinkStatus(since=clock())
        self._asker = asker or Refuser()
        self._on_status = on_status
        self._clock = clock
        self._keyring = keyring
        self._server = server
        self._ssh: asyncssh.SSHClientConnection | None = None
        self._dialling = asyncio.Lock()
        self._short = asyncio.Semaphore(SHORT_COMMANDS)
        self._retry = asyncio.Event()
        self._gone = asyncio.Event()
        self._gone.set()
        self._dial_task: asyncio.Future[asyncssh.SSHClientConnection] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    async def ssh(self) -> asyncssh.SSHClientConnection:
        """The live connection, dialled if there is none. Raises `Unreachable`, `NeedsYou` or `UsageError`."""
        async with self._dialling:
            if self._ssh is None or self._gone.is_set() or self._ssh.is_closed():
                self._ssh = await self._dial()
            return self._ssh

    async def _dial(self) -> asyncssh.SSHClientConnection:
        if self._closed:
            raise Unreachable(f"{self.host.name}: the connection was closed here")
        self._tell(Link.CONNECTING, attempts=self.status.attempts + 1)
        gone = asyncio.Event()
        self._dial_task = asyncio.ensure_future(self._dial_host(lambda reason: self._lost(gone, reason)))
        try:
            ssh = await self._dial_task
        except NeedsYou as exc:
            self._tell(Link.NEEDS_YOU, str(exc))
            raise
        except RemoteError as exc:
            self._tell(Link.OFFLINE, str(exc))
            raise
        except asyncio.CancelledError as exc:
            self._tell(Link.OFFLINE, "given up here")
            if self._closed:
                raise Unreachable(f"{self.host.name}: the connection was closed here") from exc
            raise
        if gone.is_set():
            self._tell(Link.OFFLINE, "the connection was lost")
            raise Unreachable(f"{self.host.name}: the connection was lost right after the login")
        self._gone = gone
        self._tell(Link.LIVE, attempts=0)
        return ssh

    async def _dial_host(self, on_lost: Callable[[str], None]) -> asyncssh.SSHClientConnection:
        if self.host.kind == "embedded":
            from remote import embedded

            self._server = self._server or embedded.shared()
            return await embedded.dial(self._server, self.host, on_lost)
        from remote.dialer import Dialer
        from remote.hostkeys import KnownHosts
        from remote.private_keys import Keyring

        self._keyring = self._keyring or Keyring()
        return await Dialer(self.host, self._asker, self._keyring, KnownHosts.default()).dial(on_lost)

    def _lost(self, gone: asyncio.Event, reason: str) -> None:
        gone.set()
        if gone is self._gone and not self._closed:
            self._tell(Link.OFFLINE, reason or "the connection was lost")

    def _tell(
        self, link: Link, reason: str = "", *, attempts: int | None = None, retry_at: float | None = None
    ) -> None:
        since = self.status.since if link is self.status.link else self._clock()
        attempts = self.status.attempts if attempts is None else attempts
        self.status = replace(self.status, link=link, reason=reason, since=since, attempts=attempts, retry_at=retry_at)
        if self._on_status is not None:
            try:
                self._on_status(self.status)
            except Exception:
                logger.exception("status of %s could not be shown", self.host.name)

    async def open(self, command: str) -> asyncssh.SSHClientProcess[bytes]:
        """Start a long-lived command in binary; the caller closes it. A full host is asked again for a while."""
        import asyncssh

        from remote.ssh_options import BULK

        for attempt in range(OPEN_TRIES):
            ssh = await self.ssh()
            try:
                return await ssh.create_process(command, encoding=None, **BULK)
            except asyncssh.ChannelOpenError as exc:
                if ssh.is_closed():
                    raise Unreachable(f"{self.host.name}: connection lost while a command was started") from exc
                refusal = clean(exc.reason)
            except (asyncssh.Error, OSError) as exc:
                raise Unreachable(f"{self.host.name}: connection lost while a command was started") from exc
            await asyncio.sleep(0.02 * 2**attempt * (1 + random.random()))
        raise FarSideError(
            f"{self.host.name} refuses to open another session ({refusal})",
            code="sessions",
            hint="too many sessions are open on it; see MaxSessions in its sshd_config",
        )

    async def run(
        self, command: str, *, input: bytes = b"", timeout_s: float = 30.0, max_bytes: int = 4 * 1024 * 1024
    ) -> Completed:
        """Run a short command to its end. Output beyond `max_bytes` is a `FarSideError`, no end in time `Unreachable`.

        Cancelled or late, the command is killed on the host: a channel that is only closed leaves the process
        running and its session slot taken.
        """
        async with self._short:
            try:
                async with asyncio.timeout(timeout_s):
                    async with self._process(command) as process:
                        return await self._finish(process, input, max_bytes)
            except TimeoutError as exc:
                raise Unreachable(f"{self.host.name} did not answer within {timeout_s:g} s") from exc

    @contextlib.asynccontextmanager
    async def _process(self, command: str) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
        process = await self.open(command)
        try:
            yield process
        finally:
            kill(process)

    async def _finish(self, process: asyncssh.SSHClientProcess[bytes], data: bytes, max_bytes: int) -> Completed:
        import asyncssh

        async def feed() -> None:
            with contextlib.suppress(OSError, asyncssh.Error):  # a command may end without reading its input
                process.stdin.write(data)
                await process.stdin.drain()
                process.stdin.write_eof()

        parts = [
            asyncio.ensure_future(_read(process.stdout, max_bytes)),
            asyncio.ensure_future(_read_head(process.stderr, STDERR_BYTES)),
        ]
        feeding = asyncio.ensure_future(feed())
        try:
            stdout, stderr = await asyncio.gather(*parts)
            await process.wait_closed()
        except (asyncssh.Error, OSError) as exc:
            raise Unreachable(f"{self.host.name}: the connection was lost during a command") from exc
        except OverflowError as exc:
            raise FarSideError(f"{self.host.name}: a command printed over {max_bytes} bytes", code="too_long") from exc
        finally:
            for task in (feeding, *parts):
                task.cancel()
            await asyncio.gather(feeding, *parts, return_exceptions=True)
        if self._gone.is_set() and not _ended(process):
            raise Unreachable(f"{self.host.name}: the connection was lost during a command")
        return Completed(_code(process), stdout, clean_text(stderr.decode("utf-8", "replace")))

    async def keep(self) -> None:
        """Stay connected until `close`: dial, wait for the loss, back off. What needs a person waits for them."""
        failures = 0
        while not self._closed:
            self._retry.clear()
            try:
                await self.ssh()
            except NeedsYou:
                await self._retry.wait()
            except RemoteError as exc:
                await self._pause(backoff_s(failures, random.random()), str(exc))
                failures += 1
            else:
                connected_at = self._clock()
                await self.lost()
                if self._clock() - connected_at >= STEADY_S:
                    failures = 0
                if not self._closed:
                    await self._pause(backoff_s(failures, random.random()) / 4, self.status.reason)
                failures += 1

    async def _pause(self, seconds: float, reason: str) -> None:
        if self._closed:
            return
        self._tell(Link.OFFLINE, reason, retry_at=self._clock() + seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._retry.wait()

    def retry_now(self) -> None:
        """Try at once: the person pressed a key, or answered a question elsewhere."""
        self._retry.set()

    async def lost(self) -> None:
        """Return when the present connection is gone; at once if there is none."""
        await self._gone.wait()

    async def close(self) -> None:
        """Let go of the host. What runs there in sessions of its own goes on."""
        self._closed = True
        self._retry.set()
        if self._dial_task is not None:
            self._dial_task.cancel()
        async with self._dialling:
            ssh, self._ssh = self._ssh, None
            if ssh is not None and self._server is not None and self.host.kind == "embedded":
                await self._server.hang_up(ssh)
            elif ssh is not None:
                ssh.close()
                await _closed_or_aborted(ssh)
            self._gone.set()


async def _read(stream: asyncssh.SSHReader[bytes], limit: int) -> bytes:
    """Everything. Raises OverflowError beyond `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    while data := await stream.read(CHUNK_BYTES):
        size += len(data)
        if size > limit:
            raise OverflowError
        parts.append(data)
    return b"".join(parts)


async def _read_head(stream: asyncssh.SSHReader[bytes], limit: int) -> bytes:
    """The first `limit` bytes; the rest is read and thrown away, so that the command is not held up."""
    head = b""
    while data := await stream.read(CHUNK_BYTES):
        head += data[: limit - len(head)]
    return head


def _ended(process: asyncssh.SSHClientProcess[bytes]) -> bool:
    return process.exit_status is not None or process.exit_signal is not None


def _code(process: asyncssh.SSHClientProcess[bytes]) -> int:
    if process.exit_signal is not None:
        number = getattr(signal, "SIG" + process.exit_signal[0], None)
        return 128 + int(number) if number is not None else 255
    return process.exit_status if process.exit_status is not None else 255


def kill(process: asyncssh.SSHClientProcess[bytes]) -> None:
    """End a remote command, if it has not ended, and its channel. The signal must go first: see `Connection.run`."""
    import asyncssh

    with contextlib.suppress(OSError, asyncssh.Error):
        if not _ended(process):
            process.kill()
    process.close()


async def _closed_or_aborted(ssh: asyncssh.SSHClientConnection) -> None:
    try:
        async with asyncio.timeout(2):
            await ssh.wait_closed()
    except TimeoutError:
        ssh.abort()
        await ssh.wait_closed()
