"""Keep one host followed: its connection, its far side, its follower, each brought back when it is lost.

A host's trouble stays its own: whatever fails here becomes the host's `LinkStatus`, with a reason and the time of
the next try, and the rows of its workers keep what was last known.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from remote.clean import clean
from remote.errors import NeedsYou, RemoteError, Unreachable
from remote.snapshot import Link, LinkStatus
from remote.watch import Watch

if TYPE_CHECKING:
    from remote.connection import Connection
    from remote.farside import FarSide

BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 30.0
WOKE = "woke up, looking"


class Listener(Protocol):
    """Who is told what a host says."""

    def host_said(self, host: str, message: dict[str, Any]) -> None: ...
    def host_warned(self, host: str, text: str) -> None: ...
    def host_reached(self, host: str) -> None:
        """Our code is there, the follower not yet."""

    def host_link(self, host: str, status: LinkStatus) -> None: ...
    def host_listed(self, host: str) -> None:
        """The follower has told everything that there was when it began."""


class HostWatch:
    """One host of the profile, followed until `close`."""

    def __init__(
        self,
        connection: Connection,
        far: FarSide,
        host: str,
        project: str,
        listener: Listener,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection, self.far, self.host, self.project = connection, far, host, project
        self.status = LinkStatus()
        """The connection's status as long as the follower is not running; LIVE only when it is and has told all."""
        self._listener, self._clock = listener, clock
        self._watch: Watch | None = None
        self._selected: str | None = None
        self._connected = asyncio.Event()
        self._wake = asyncio.Event()
        self._failures = 0
        self._woke_asked: int | None = None
        """Since this laptop woke up: the first question that the host has to answer to be believed."""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin in the background; a second call does nothing."""
        if not self._tasks:
            self._set(Link.CONNECTING)
            if self.connection.status.link is Link.LIVE:
                self._connected.set()
            self._tasks = [asyncio.create_task(self.connection.keep()), asyncio.create_task(self._keep_following())]

    @property
    def started(self) -> bool:
        return bool(self._tasks)

    def select(self, worker: str | None) -> None:
        """Stream the log of this worker (folder name) of this host, or none."""
        self._selected = worker
        if self._watch is not None:
            self._watch.select(worker)

    def retry_now(self) -> None:
        """End every waiting between tries."""
        self._wake.set()
        self.connection.retry_now()

    def woke(self) -> None:
        """This laptop slept: believe nothing before the host has answered anew, and wait for no back-off."""
        self._failures = 0
        self._wake.set()
        self.connection.woke()
        if self.status.link is Link.LIVE and self._watch is not None:
            self._set(Link.CONNECTING, WOKE)
            self._woke_asked = self._watch.ask()

    def connection_changed(self, status: LinkStatus) -> None:
        """Take the connection's word (its `on_status` callback)."""
        if status.link is Link.LIVE:
            self._connected.set()
            self._wake.set()
            if self.status.link is not Link.LIVE:
                self._set(Link.CONNECTING, "starting the follower", base=status)
            return
        self._connected.clear()
        if self._tasks:
            self._publish(status)

    async def close(self) -> None:
        """Stop following and close the connection. Touches nothing that runs on the host."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.connection.close()

    async def _keep_following(self) -> None:
        while True:
            await self._connected.wait()
            began = self._clock()
            try:
                await self._follow_once()
                reason = "the follower ended"
            except (Unreachable, NeedsYou) as exc:
                reason = exc.message
                self._connected_or_not()
            except RemoteError as exc:
                reason = exc.message
            except Exception as exc:  # one host's surprise must not end the watch of it, nor of the others
                reason = clean(f"{type(exc).__name__}: {exc}")
            self._failures = 0 if self._clock() - began > BACKOFF_MAX_S else self._failures + 1
            if self._connected.is_set():
                await self._pause(reason, self._failures)

    async def _follow_once(self) -> None:
        await self.far.ready()
        self._listener.host_reached(self.host)
        watch = self._watch
        if watch is None:
            watch = self._watch = Watch(
                self.far.root,
                self.project,
                self._message,
                on_warning=lambda text: self._listener.host_warned(self.host, text),
                idle=self.connection.host.ec2 is not None,
                clock=self._clock,
            )
            watch.select(self._selected)
        await watch.follow(lambda: self.connection.open(self.far.command("follow")))

    def _connected_or_not(self) -> None:
        if self.connection.status.link is not Link.LIVE:
            self._connected.clear()
            self._publish(self.connection.status)

    async def _pause(self, reason: str, failures: int) -> None:
        if self._woke_asked is not None:  # it ended while this laptop slept, and its successor tells all anew
            self._woke_asked = None
            self._set(Link.CONNECTING, WOKE)
            return
        delay_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures - 1, 10)) if failures else BACKOFF_FIRST_S
        delay_s *= random.uniform(0.8, 1.2)
        self._publish(
            LinkStatus(Link.OFFLINE, reason, self._clock(), retry_at=self._clock() + delay_s, attempts=failures)
        )
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        if self._connected.is_set():
            self._set(Link.CONNECTING, "starting the follower")

    def _message(self, message: dict[str, Any]) -> None:
        if message.get("k") == "listed":
            self._confirmed()
            return
        self._listener.host_said(self.host, message)
        if message.get("k") == "pong":
            asked = message.get("t")
            if self._woke_asked is not None and isinstance(asked, int) and asked >= self._woke_asked:
                self._confirmed()
            self._round_trip()

    def _confirmed(self) -> None:
        self._woke_asked = None
        self._listener.host_listed(self.host)
        self._set(Link.LIVE)

    def _round_trip(self) -> None:
        if self._watch is not None and self._watch.round_trip_s is not None and self.status.link is Link.LIVE:
            self.status = replace(self.status, round_trip_s=self._watch.round_trip_s)

    def _set(self, link: Link, reason: str = "", base: LinkStatus | None = None) -> None:
        base = base or self.status
        self._publish(LinkStatus(link, reason, self._clock(), round_trip_s=base.round_trip_s))

    def _publish(self, status: LinkStatus) -> None:
        if status != self.status:
            self.status = status
            self._listener.host_link(self.host, status)
