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
"""Over the longest pause between two dials (connection.BACKOFF_LAST_S)."""
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
        self._lingering: asyncio.Future[None] | None = None

    @property
    def usable(self) -> bool:
        if not self.dialling.done():
            return True
        return not self.dialling.cancelled() and self.dialling.exception() is None and not self._ssh.is_closed()

    @property
    def _ssh(self) -> asyncssh.SSHClientConnection:
        return self.dialling.result()

    def enter(self) -> None:
        self._users += 1
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def leave(self) -> None:
        self._users -= 1
        if self._users:
            return
        if not self.dialling.done():
            self.dialling.cancel()
        elif self.usable:
            self._lingering = asyncio.ensure_future(self._linger())

    async def _linger(self) -> None:
        try:
            await asyncio.sleep(LINGER_S)
        finally:
            if not self._users:  # unused, or the event loop ends
                self._ssh.abort()


class Jumps:
    """The connections of one event loop, by the way to them."""

    def __init__(self) -> None:
        self._shared: dict[str, _Shared] = {}

    async def lease(self, way: str, dial: Callable[[], Awaitable[asyncssh.SSHClientConnection]]) -> Lease:
        """A part in the connection; whoever comes first dials for all who wait."""
        shared = self._shared.get(way)
        if shared is None or not shared.usable:
            shared = self._shared[way] = _Shared(asyncio.ensure_future(dial()))
        shared.enter()
        try:
            await asyncio.shield(shared.dialling)
        except BaseException:
            shared.leave()
            raise
        return Lease(shared)

    async def close(self) -> None:
        """Let go of all, in use or not."""
        for shared in self._shared.values():
            if shared.usable and shared.dialling.done():
                shared.dialling.result().abort()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                shared.dialling.cancel()
                await shared.dialling
        self._shared.clear()


def shared_jumps() -> Jumps:
    """The connections on the way of all dials of this event loop."""
    return _jumps.setdefault(asyncio.get_running_loop(), Jumps())


_jumps: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Jumps] = weakref.WeakKeyDictionary()
