"""How late a running event loop is (how much later than asked a timer of 5 ms fires), and lateness as rows."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import Row, lower_is_better, percentile

TICK_S = 0.005


@dataclass
class Lags:
    """Milliseconds, one a tick."""

    clock_ms: list[float] = field(default_factory=list)
    """On the clock."""
    own_ms: list[float] = field(default_factory=list)
    """Without what the thread waited for a core, which is another program's doing."""


def together(parts: Iterable[Lags]) -> Lags:
    """The samples of all parts."""
    whole = Lags()
    for part in parts:
        whole.clock_ms += part.clock_ms
        whole.own_ms += part.own_ms
    return whole


@contextlib.asynccontextmanager
async def loop_lag() -> AsyncIterator[Lags]:
    """Collect the running loop's lags as long as the context lasts."""
    lags = Lags()

    async def sample() -> None:
        while True:
            due, waited = time.perf_counter() + TICK_S, _waited_s()
            await asyncio.sleep(TICK_S)
            late = time.perf_counter() - due
            lags.clock_ms.append(late * 1e3)
            lags.own_ms.append(max(0.0, late - (_waited_s() - waited)) * 1e3)

    task = asyncio.create_task(sample())
    try:
        yield lags
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _waited_s() -> float:
    """Seconds that this thread was ready to run and had no core (proc(5), schedstat); 0 where that is not told."""
    try:
        return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def lag_row(name: str, lags_ms: Sequence[float], limit_ms: float) -> Row:
    """How far the 99th percentile stays below `limit_ms`, which stands in the place of theirs."""
    return lower_is_better(name, percentile(lags_ms, 0.99), limit_ms, target=1, unit="ms")


def late_rows(name: str, ours: Lags, theirs: Lags, limit_ms: float) -> list[Row]:
    """Half and nearly all of ours against theirs, and against the limit: by themselves and on the clock."""
    half, late = ([percentile(lags.own_ms, share) for lags in (ours, theirs)] for share in (0.5, 0.99))
    return [
        lower_is_better(f"{name} p50 against theirs", *half, target=1, unit="ms"),
        lower_is_better(f"{name} p99 against theirs", *late, target=1, unit="ms"),
        lag_row(f"{name} p99 against its limit", ours.own_ms, limit_ms),
        lag_row(f"{name} p99 against its limit, on the clock", ours.clock_ms, limit_ms),
    ]
