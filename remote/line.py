"""The line to one host: dialled when it is needed, kept, given up when it is dead, dialled anew.

    UNKNOWN -> CONNECTING -> LIVE -> OFFLINE (retry at) -> CONNECTING ...
                    '------> NEEDS_YOU (until `retry_now`)

`asyncssh` is imported when the first one is dialled: it costs 220 ms that the first screen does not wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from remote.asker import Asker, Attended, Refuser
from remote.errors import NeedsYou, RemoteError, Unreachable
from remote.profiles import Host
from remote.snapshot import Link, LinkStatus

if TYPE_CHECKING:
    import asyncssh

    from remote.embedded import EmbeddedServer
    from remote.private_keys import Keyring

logger = logging.getLogger(__name__)

BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 60.0
PROBE_S = 2.0
"""How long a host may take to answer after this laptop slept."""
STEADY_S = 30.0
"""A connection that held this long starts the back-off anew."""


def backoff_s(failures: int, jitter: float) -> float:
    """Seconds before the next attempt: doubling, capped, between half and all of it by `jitter` in 0..1."""
    return float(min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)) * (0.5 + 0.5 * jitter))


class Line:
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
        self._asker = Attended(asker or Refuser())
        self._on_status = on_status
        self._clock = clock
        self._keyring = keyring
        self._server = server
        self._ssh: asyncssh.SSHClientConnection | None = None
        self._dialling = asyncio.Lock()
        self._retry = asyncio.Event()
        self._gone = asyncio.Event()
        self._gone.set()
        self._dial_task: asyncio.Future[asyncssh.SSHClientConnection] | None = None
        self._out_of_date = False
        self._probing: asyncio.Task[bool] | None = None
        self._failures = 0
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
        try:
            ssh = await self._dialled(gone)
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

    async def _dialled(self, gone: asyncio.Event) -> asyncssh.SSHClientConnection:
        """A logged-in connection, which sets `gone` when it ends; begun anew as often as `woke` gives a dial up."""
        waiting = asyncio.current_task()
        while True:
            self._out_of_date = False
            self._dial_task = asyncio.ensure_future(self._dial_host(lambda reason: self._lost(gone, reason)))
            try:
                return await self._dial_task
            except asyncio.CancelledError:
                if not self._out_of_date or self._closed or (waiting is not None and waiting.cancelling()):
                    raise

    async def _dial_host(self, on_lost: Callable[[str], None]) -> asyncssh.SSHClientConnection:
        if self.host.kind == "embedded":
            from remote import embedded

            self._server = self._server or embedded.shared()
            return await embedded.dial(self._server, self.host, on_lost)
        from remote.dialer import Dialer
        from remote.hostkeys import KnownHosts
        from remote.private_keys import shared_keyring

        self._keyring = self._keyring or shared_keyring()
        return await Dialer(self.host, self._asker, self._keyring, KnownHosts.default()).dial(on_lost)

    def _lost(self, gone: asyncio.Event, reason: str) -> None:
        gone.set()
        if gone is self._gone and not self._closed:
            if "responding to keepalive" in reason:
                reason = "the host no longer answers"
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

    async def keep(self) -> None:
        """Stay connected until `close`: dial, wait for the loss, back off. What needs a person waits for them."""
        self._failures = 0
        while not self._closed:
            self._retry.clear()
            try:
                await self.ssh()
            except NeedsYou:
                await self._retry.wait()
            except RemoteError as exc:
                self._failures += 1
                await self._pause(backoff_s(self._failures - 1, random.random()), str(exc))
            else:
                connected_at = self._clock()
                await self.lost()
                if self._clock() - connected_at >= STEADY_S:
                    self._failures = 0
                self._failures += 1
                if not self._closed:
                    await self._pause(backoff_s(self._failures - 1, random.random()) / 4, self.status.reason)

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

    async def probe(self, within_s: float = PROBE_S) -> bool:
        """Whether the host answers within so many seconds; if not, the present connection is dropped."""
        if self.host.kind == "embedded":
            return True
        from remote.jumps import shared_jumps
        from remote.liveness import answers

        # Those on the way are asked at the same time: the next dial goes through them.
        asked = [answers(ssh, within_s) for ssh in (*shared_jumps().open(), self._ssh) if ssh is not None]
        return all(await asyncio.gather(*asked))

    def woke(self) -> None:
        """This laptop slept: what is connected must answer anew, what is lost is tried at once, what was being dialled
        is dialled anew: it may wait for an answer that came meanwhile. What waits for a person goes on waiting."""
        self._failures = 0
        if self.status.link is Link.OFFLINE:
            self._retry.set()
        if self._dial_task is not None and not self._asker.asking:
            self._out_of_date = self._dial_task.cancel()
        if not self._closed and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self.probe())

    async def lost(self) -> None:
        """Return when the present connection is gone; at once if there is none."""
        await self._gone.wait()

    async def close(self) -> None:
        """Let go of the host. What runs there in sessions of its own goes on."""
        self._closed = True
        self._retry.set()
        for task in (self._dial_task, self._probing):
            if task is not None:
                task.cancel()
        async with self._dialling:
            ssh, self._ssh = self._ssh, None
            if ssh is not None and self._server is not None and self.host.kind == "embedded":
                await self._server.hang_up(ssh)
            elif ssh is not None:
                ssh.close()
                await _closed_or_aborted(ssh)
            self._gone.set()


async def _closed_or_aborted(ssh: asyncssh.SSHClientConnection) -> None:
    try:
        async with asyncio.timeout(2):
            await ssh.wait_closed()
    except TimeoutError:
        ssh.abort()
        await ssh.wait_closed()
