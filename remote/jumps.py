"""Connections to hosts on the way to others (ProxyJump), shared by all that go through them.

A person who answers a second factor for a gate answers once for the ten machines behind it. A connection to a gate
stays a while after its last user: a host that reboots is dialled anew through the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncssh

from remote.clean import clean
from remote.errors import RemoteError, Unreachable

LINGER_S = 90.0
"""Over the longest pause between two dials (line.BACKOFF_LAST_S)."""
_Error = TypeVar("_Error", bound=RemoteError)


class HopFailed(Exception):
    """Host `number` of the way could not be reached."""

    def __init__(self, number: int, error: RemoteError) -> None:
        super().__init__(str(error))
        self.number, self.error = number, error


def told_for(failed: HopFailed, host: str, hops: int) -> RemoteError:
    """The error of a hop, as that of the host behind it."""
    which = f"hop {failed.number} of {hops}" if hops > 1 else "its jump host"
    error = _reworded(failed.error, clean(f"{host}: {which}, {failed.error.message}"))
    error.hop = failed.number
    if isinstance(error, Unreachable):
        error.code = "jump_down"
    return error


def _reworded(error: _Error, message: str) -> _Error:
    other = type(error).__new__(type(error), message)
    other.__dict__.update(error.__dict__, message=message)
    return other


class Lease:
    """One user's part in a connection; what asyncssh takes for a tunnel."""

    def __init__(self, shared: _Shared) -> None:
        self._shared: _Shared | None = shared
        self._ssh = shared.dialling.result()
        self.logger = self._ssh.logger

    async def create_connection(self, factory: Any, host: str, port: int) -> Any:
        """Open a way to `host`, as asyncssh asks for it."""
        return await self._ssh.create_connection(factory, host, port)

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return bool(self._ssh.is_closed())

    def close(self) -> None:
        """Give the part back; more than once is once."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.leave()

    async def wait_closed(self) -> None:
        """Nothing to wait for: the connection may have other users."""


class _Shared:
    def __init__(self, dialling: asyncio.Future[asyncssh.SSHClientConnection]) -> None:
        self.dialling = dialling
        self._users = 0
        self._given_up = False
        self._ending: asyncio.TimerHandle | None = None

    @property
    def usable(self) -> bool:
        """Whether it is open, or on its way to be."""
        return not self._given_up and (not self.dialling.done() or self.open)

    @property
    def open(self) -> bool:
        done = self.dialling.done() and not self.dialling.cancelled() and self.dialling.exception() is None
        return done and not self.dialling.result().is_closed()

    def enter(self) -> None:
        self._users += 1
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def leave(self) -> None:
        self._users -= 1
        if self._users:
            return
        if not self.dialling.done():
            self._given_up = self.dialling.cancel()
        elif self.open:
            self._ending = asyncio.get_running_loop().call_later(LINGER_S, self.end)

    def end(self) -> None:
        """Close it, in use or not."""
        if self._ending is not None:
            self._ending.cancel()
        if self.open:
            self.dialling.result().abort()
        else:
            self.dialling.cancel()

    async def wait_closed(self) -> None:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await (await self.dialling).wait_closed()


class Jumps:
    """The connections of one event loop, by the way to them. They end with the loop, if not before."""

    def __init__(self) -> None:
        self._shared: dict[str, _Shared] = {}
        self._keeper: asyncio.Future[None] | None = None

    async def lease(self, way: str, dial: Callable[[], Awaitable[asyncssh.SSHClientConnection]]) -> Lease:
        """A part in the connection; whoever comes first dials for all who wait."""
        shared = self._shared.get(way)
        if shared is None or not shared.usable:
            shared = self._shared[way] = _Shared(asyncio.ensure_future(dial()))
        if self._keeper is None:
            self._keeper = asyncio.ensure_future(self._keep())
        shared.enter()
        try:
            await asyncio.shield(shared.dialling)
        except BaseException:
            shared.leave()
            raise
        return Lease(shared)

    def open(self) -> list[asyncssh.SSHClientConnection]:
        """Those that are logged in now."""
        return [shared.dialling.result() for shared in self._shared.values() if shared.open]

    async def _keep(self) -> None:
        """`asyncio.run` cancels all tasks as it ends: then nothing may stay open."""
        try:
            await asyncio.Event().wait()
        finally:
            for shared in self._shared.values():
                shared.end()
            for shared in list(self._shared.values()):
                await shared.wait_closed()
                shared.end()  # a lease that was given back just now
            self._shared.clear()


def shared_jumps() -> Jumps:
    """The connections on the way of all dials of this event loop."""
    return _jumps.setdefault(asyncio.get_running_loop(), Jumps())


_jumps: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Jumps] = weakref.WeakKeyDictionary()
