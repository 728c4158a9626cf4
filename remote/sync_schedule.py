"""When results travel to the laptop: at once after a checkpoint and an end, and every so often while a run is active.

One transfer a host at a time, so that a slow sync of one worker never fills the connection; another host's results
do not wait for it. Runs that ended while this laptop was away follow when nothing newer is due. What the last transfer
did is part of the worker's snapshot.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from remote.errors import RemoteError, UsageError
from remote.lacking import Lacking, lacking
from remote.snapshot import Link, RunSnapshot, SyncPhase, SyncStatus
from remote.sync_retry import Retries
from wire.run_dir import attempt_number

if TYPE_CHECKING:
    from remote.fetching import Fetched
    from remote.fleet import Fleet
    from remote.transfer import SyncResult

TICK_S = 1.0
LOOK_BACK_AFTER_S = 3.0
"""So long after a host is back, its workers' earlier runs are asked for: what runs now comes first."""
LOOK_BACK_AGAIN_S = 60.0
"""If the host did not answer that."""


class SyncSchedule:
    """Decides which worker's results are due, and fetches them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._due: set[str] = set()
        self._look_back_at: dict[str, float] = {}
        self._earlier: dict[str, list[Lacking]] = {}
        self._tried_at: dict[str, float] = {}
        self._retries = Retries(fleet)
        self._with_evidence: set[str] = set()
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
        if before.run != after.run or back:
            self._look_back_at[after.host] = self._fleet.clock() + LOOK_BACK_AFTER_S
        if back:
            self._retries.forget(after.worker)
        if first or ended or back or decided or _checkpoint(before) != _checkpoint(after):
            self._due.add(after.worker)
            wake.set()

    async def fetch(
        self,
        worker: str,
        *,
        run: str = "",
        everything: bool = False,
        attempts: int = 0,
    ) -> SyncResult:
        """Fetch a worker's newest run, or `run`, into the results folder; never two transfers of one at a time.

        `attempts` says of an earlier run that it is over, and after how many. Raises `RemoteError`; the row says what
        went wrong, too.
        """
        from remote.fetching import Fetch, run_here

        fleet, place = self._fleet, self._fleet.place(worker)
        async with self._locks.setdefault(worker, asyncio.Lock()):
            newest = fleet.snapshot(worker).run
            run = run or newest
            if not run:
                raise UsageError(f"{worker} has no run whose results could be fetched", code="not_started")
            earlier = run if run != newest else ""
            before = fleet.snapshot(worker).sync
            folder = before.folder if earlier else str(run_here(fleet, place, run))
            status = SyncStatus(SyncPhase.RUNNING, before.at, folder=folder, run=earlier)
            fleet.synced(worker, status)
            fetch = Fetch(
                fleet, place, run, everything=everything, tell=lambda now: fleet.synced(worker, _with(status, now))
            )
            try:
                collects = bool(not earlier and (spec := fleet.snapshot(worker).spec) and spec.collect)
                over = (lambda: attempts) if earlier else (lambda: self._over(worker, run))
                result = await fetch.whole(over, collect=collects)
            except BaseException as exc:
                error = exc if isinstance(exc, RemoteError) else None
                failed = replace(status, at=before.at, run="")
                fleet.synced(worker, self._retries.failed(worker, failed, earlier, error))
                raise
            if earlier:
                fleet.synced(worker, before)
                return result
            self._retries.succeeded(worker)
            if self._over(worker, run) or worker not in self._with_evidence:
                result = await self._evidence(worker, result)
            done = SyncStatus(SyncPhase.DONE, fleet.clock(), result.bytes, "", folder, files_done=result.files)
            fleet.synced(worker, replace(done, left_out=len(result.skipped), note="; ".join(result.notes)))
            return result

    async def _evidence(self, worker: str, result: SyncResult) -> SyncResult:
        """Bring what shows that its tests pass, at first sight and once its run is over; a failure is only told."""
        from remote.evidence import bring

        try:
            await bring(self._fleet, worker)
        except RemoteError as exc:
            return replace(result, notes=(*result.notes, f"its evidence did not come: {exc.message}"))
        self._with_evidence.add(worker)
        return result

    async def _keep(self, host: str) -> None:
        wake = self._wakes[host]
        while True:
            busy = False
            for snapshot in self._fleet.snapshots():
                if snapshot.host == host and self._is_due(snapshot):
                    busy = True
                    await self._try(snapshot.worker)
            if not busy and await self._bring_earlier(host):
                continue
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
        if self._retries.waiting(snapshot.worker):
            return self._retries.is_due(snapshot.worker)
        if snapshot.worker in self._due:
            return True
        tried_at = self._tried_at.get(snapshot.worker)
        again = snapshot.state.active or snapshot.sync.phase is SyncPhase.FAILED
        return again and (tried_at is None or self._fleet.clock() - tried_at >= self._interval_s())

    async def _try(self, worker: str, earlier: Lacking | None = None) -> None:
        if earlier is None:
            self._due.discard(worker)
            self._tried_at[worker] = self._fleet.clock()
        try:
            await self.fetch(worker, run=earlier.run if earlier else "", attempts=earlier.attempts if earlier else 0)
        except RemoteError:
            pass  # the row says it, and when it is tried again
        except Exception as exc:  # one worker's surprise must not end the syncs of the others
            self._fleet.host_warned(self._fleet.place(worker).host, f"sync of {worker}: {type(exc).__name__}: {exc}")

    async def _bring_earlier(self, host: str) -> bool:
        """Bring one run that this laptop lacks, if nobody waits; True if there may be more."""
        queue = self._earlier.setdefault(host, [])
        at = self._look_back_at.get(host)
        if at is not None and self._fleet.profile.sync.earlier and self._fleet.clock() >= at:
            del self._look_back_at[host]
            try:
                queue[:] = await lacking(self._fleet, host)
            except RemoteError as exc:
                self._fleet.host_warned(host, f"its earlier runs: {exc.message}")
                self._look_back_at[host] = self._fleet.clock() + LOOK_BACK_AGAIN_S
        # What a worker's newest run cannot have now, an earlier one cannot either.
        one = next((one for one in queue if not self._retries.waiting(one.worker)), None)
        if one is None or self._fleet.snapshot(one.worker).link.link is not Link.LIVE:
            return False
        queue.remove(one)
        await self._try(one.worker, one)
        return True

    def _over(self, worker: str, run: str) -> int:
        """Attempts of the newest run if its host said in this session that it is over, else 0."""
        row = self._fleet.snapshot(worker)
        over = row.run == run and row.state.final and row.seen_at is not None
        return (attempt_number(row.attempt) or 0) if over else 0


def _with(status: SyncStatus, fetched: Fetched) -> SyncStatus:
    coming = fetched.coming
    return replace(
        status, bytes_done=coming.bytes, files_done=coming.files, file=coming.file,
        bytes_total=fetched.bytes_total, files_total=fetched.files_total, waits=fetched.waits,
    )  # fmt: skip


def _checkpoint(snapshot: RunSnapshot) -> tuple[str, float | None]:
    progress = snapshot.progress
    return ("", None) if progress is None else (progress.checkpoint, progress.checkpoint_at_s)
