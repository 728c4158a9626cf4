"""Notice that this process did not run for a while: the laptop slept, or somebody stopped and continued the process.

After a sleep every connection is suspect and every plan to try again is out of date, and no timer says so: the
clock that asyncio goes by stands still while Linux or macOS is suspended. So a clock that does not is looked at now and
then: seldom, for each look wakes a processor that might sleep. A loop that hung for as long looks the same; to ask the
hosts once more does no harm then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TICK_S = 1.5
GAP_S = 3.0
"""A tick that comes so much too late was slept over."""


def sleepless_clock() -> float:
    """Seconds of a clock that goes on while the machine is suspended, from an arbitrary start.

    Linux: CLOCK_BOOTTIME (clock_gettime(2)). macOS: its CLOCK_MONOTONIC goes on, other than `time.monotonic`.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Waking:
    """Calls `on_wake(seconds)` after each sleep, on the event loop that it was started on."""

    def __init__(
        self,
        on_wake: Callable[[float], None],
        *,
        clock: Callable[[], float] = sleepless_clock,
        tick_s: float = TICK_S,
        gap_s: float = GAP_S,
    ) -> None:
        self._on_wake, self._clock, self._tick_s, self._gap_s = on_wake, clock, tick_s, gap_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background; a second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._tick())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _tick(self) -> None:
        while True:
            before = self._clock()
            await asyncio.sleep(self._tick_s)
            late_s = self._clock() - before - self._tick_s
            if late_s > self._gap_s:
                self._on_wake(late_s)
