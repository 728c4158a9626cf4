"""The rows of all workers in memory: put one, and whoever is interested hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from remote.revised import revised
from remote.row import Row
from remote.snapshot import Link, RunSnapshot
from remote.verdict import settle, settles_at

Callback = Callable[[RunSnapshot], None]
TIMER_SLACK_S = 0.01


class Rows:
    """One row a worker, by name. All methods belong to one event loop."""

    def __init__(self, clock: Callable[[], float], on_change: Callable[[RunSnapshot, RunSnapshot], bool]) -> None:
        """`on_change(before, after)` is told first, and says whether the subscribers are told too."""
        self._clock, self._on_change = clock, on_change
        self._rows: dict[str, Row] = {}
        self._callbacks: list[Callback] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._changed: asyncio.Event | None = None

    def __getitem__(self, worker: str) -> Row:
        return self._rows[worker]

    def open(self, snapshot: RunSnapshot) -> None:
        """Begin a row with what is known before any host said something."""
        self._rows[snapshot.worker] = Row(snapshot)

    def put(self, row: Row) -> None:
        """Replace a row, and tell it if its snapshot changed."""
        name = row.snapshot.worker
        before = self._rows[name].snapshot
        self._rows[name] = row
        self._plan_settling(name, row)
        if row.snapshot == before:
            return
        told = self._on_change(before, row.snapshot)
        self.wake()
        for callback in list(self._callbacks) if told else ():
            try:
                callback(row.snapshot)
            except Exception as exc:
                context = {"message": "a subscriber of the fleet failed", "exception": exc}
                asyncio.get_running_loop().call_exception_handler(context)

    def change(self, worker: str, **fields: Any) -> None:
        """Replace some fields of a row's snapshot."""
        row = self._rows[worker]
        self.put(revised(row, snapshot=revised(row.snapshot, **fields)))

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call back with every changed snapshot; the result ends it."""
        self._callbacks.append(callback)

        def end() -> None:
            with suppress(ValueError):
                self._callbacks.remove(callback)

        return end

    @property
    def judging(self) -> bool:
        """True while the state of a row waits for its grace to run out (`remote.verdict`)."""
        return bool(self._timers)

    async def changed(self) -> None:
        """Return after the next change of any row."""
        if self._changed is None:
            self._changed = asyncio.Event()
        await self._changed.wait()

    def wake(self) -> None:
        """Let everybody look again who waits in `changed`."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _plan_settling(self, name: str, row: Row) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        due = settles_at(row)
        # Without a connection nobody can say that the exit record did not come meanwhile.
        if due is not None and row.snapshot.link.link is Link.LIVE:
            delay_s = max(0.0, due - self._clock()) + TIMER_SLACK_S
            self._timers[name] = asyncio.get_running_loop().call_later(delay_s, self._settle, name)

    def _settle(self, name: str) -> None:
        self.put(settle(self._rows[name], self._clock()))
