"""When results travel to the laptop: at once after a checkpoint and an end, and every so often while a run is active.

One transfer a host at a time, so that a slow sync of one worker never fills the connection; another host's results
do not wait for it. What the last transfer did is part of the worker's snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote.errors import RemoteError, UsageError
from remote.folders import results_folder
from remote.snapshot import Link, RunSnapshot, SyncPhase, SyncStatus
from wire.run_dir import Root

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.transfer import SyncResult

TICK_S = 1.0


class SyncSchedule:
    """Decides which worker's results are due, and fetches them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._due: set[str] = set()
        self._tried_at: dict[str, float] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, host: str) -> None:
        """Begin to sync the workers of a host; a second call does nothing."""
        if host not in self._wakes:
            self._wakes[host] = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._keep(host)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def notice(self, before: RunSnapshot, after: RunSnapshot) -> None:
        """Make a worker due if this change is one to fetch for: first sight, a checkpoint, an end, a decision."""
        wake = self._wakes.get(after.host)
        if wake is None or not after.run:
            return
        first = before.run != after.run or after.worker not in self._tried_at
        ended = after.state.final and (not before.state.final or before.attempt != after.attempt)
        back = after.link.link is Link.LIVE and before.link.link is not Link.LIVE
        decided = before.decision != after.decision
        if first or ended or back or decided or _checkpoint(before) != _checkpoint(after):
            self._due.add(after.worker)
            wake.set()

    async def fetch(
        self,
        worker: str,
        *,
        everything: bool = False,
        on_bytes: Callable[[int], None] | None = None,
    ) -> SyncResult:
        """Fetch a worker's newest run into the results folder; never two transfers of one worker at a time.

        Raises `RemoteError`; the row says what went wrong, too.
        """
        from remote.transfer import sync_run

        fleet, place = self._fleet, self._fleet.place(worker)
        async with self._locks.setdefault(worker, asyncio.Lock()):
            run = fleet.snapshot(worker).run
            if not run:
                raise UsageError(f"{worker} has no run whose results could be fetched", code="not_started")
            local = fleet.profile.results / place.slug / run
            before = fleet.snapshot(worker).sync
            status = SyncStatus(SyncPhase.RUNNING, before.at, 0, "", str(local))
            fleet.synced(worker, status)

            def count(done: int) -> None:
                fleet.synced(worker, replace(status, bytes_done=done))
                if on_bytes is not None:
                    on_bytes(done)

            try:
                results_folder(fleet.profile.results)
                far = fleet.far(place.host)
                await far.ready()
                remote = Root(far.root).run(fleet.profile.project_id, place.slug, run).path
                result = await sync_run(
                    fleet.connection(place.host),
                    far,
                    remote,
                    Path(local),
                    on_bytes=count,
                    bandwidth_kib=fleet.profile.sync.bandwidth_kib,
                    everything=everything,
                )
            except BaseException as exc:
                error = exc.message if isinstance(exc, RemoteError) else "interrupted"
                fleet.synced(worker, SyncStatus(SyncPhase.FAILED, before.at, 0, error, str(local)))
                raise
            fleet.synced(worker, SyncStatus(SyncPhase.DONE, fleet.clock(), result.bytes, "", str(local)))
            return result

    async def _keep(self, host: str) -> None:
        wake = self._wakes[host]
        while True:
            for snapshot in self._fleet.snapshots():
                if snapshot.host == host and self._is_due(snapshot):
                    await self._try(snapshot.worker)
            wake.clear()
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes together with the wake.
            with suppress(TimeoutError):
                async with asyncio.timeout(min(TICK_S, self._interval_s())):
                    await wake.wait()

    def _interval_s(self) -> float:
        return max(0.1, self._fleet.profile.sync.interval_s)

    def _is_due(self, snapshot: RunSnapshot) -> bool:
        if not snapshot.run or snapshot.link.link is not Link.LIVE or snapshot.seen_at is None:
            return False
        if snapshot.worker in self._due:
            return True
        tried_at = self._tried_at.get(snapshot.worker)
        again = snapshot.state.active or snapshot.sync.phase is SyncPhase.FAILED
        return again and (tried_at is None or self._fleet.clock() - tried_at >= self._interval_s())

    async def _try(self, worker: str) -> None:
        self._due.discard(worker)
        self._tried_at[worker] = self._fleet.clock()
        try:
            await self.fetch(worker)
        except RemoteError:
            pass  # the row says it, and the next interval tries again
        except Exception as exc:  # one worker's surprise must not end the syncs of the others
            self._fleet.host_warned(self._fleet.place(worker).host, f"sync of {worker}: {type(exc).__name__}: {exc}")


def _checkpoint(snapshot: RunSnapshot) -> tuple[str, float | None]:
    progress = snapshot.progress
    return ("", None) if progress is None else (progress.checkpoint, progress.checkpoint_at_s)
