"""When a sync that did not work is tried again: later each time, or, with a full disk, once there is room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from remote.laptop_disk import FREE_FLOOR_BYTES, NO_SPACE, RESUME_BYTES, free_bytes
from remote.snapshot import SyncPhase, SyncStatus

if TYPE_CHECKING:
    from remote.errors import RemoteError
    from remote.fleet import Fleet

BACK_OFF_MAX_S = 15 * 60.0
LOOK_FOR_ROOM_S = 10.0
_GIB = 1024**3


@dataclass(frozen=True)
class _Wait:
    tries: int
    at: float
    """By the fleet's clock."""
    for_room: bool = False
    """True if the disk was the reason, and says itself when there is room again."""


class Retries:
    """What failed, worker by worker, and until when it is left alone."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._waits: dict[str, _Wait] = {}

    def forget(self, worker: str) -> None:
        """It worked, or the reason may be gone: the next failure is the first again. A full disk stays one."""
        if worker in self._waits and not self._waits[worker].for_room:
            del self._waits[worker]

    def succeeded(self, worker: str) -> None:
        self._waits.pop(worker, None)

    def waiting(self, worker: str) -> bool:
        return worker in self._waits

    def is_due(self, worker: str) -> bool:
        """True if it is time for another try; a paused worker's row says how much room there is by now."""
        wait, now = self._waits[worker], self._fleet.clock()
        if now < wait.at:
            return False
        if wait.for_room and self._free() < RESUME_BYTES:
            self._waits[worker] = replace(wait, at=now + LOOK_FOR_ROOM_S)
            sync = self._fleet.snapshot(worker).sync
            self._fleet.synced(worker, replace(sync, error=self._room(), retry_at=now + LOOK_FOR_ROOM_S))
            return False
        return True

    def failed(self, worker: str, status: SyncStatus, earlier: str, error: RemoteError | None) -> SyncStatus:
        """Take note of a failure and return what the row says of it; `error` None is an interruption."""
        if error is None:
            return replace(status, phase=SyncPhase.FAILED, error="interrupted")
        wait = self._waits.get(worker)
        tries, now = (wait.tries if wait is not None else 0) + 1, self._fleet.clock()
        pause_s = min(BACK_OFF_MAX_S, max(0.1, self._fleet.profile.sync.interval_s) * 2 ** min(tries - 1, 20))
        phase, text, for_room = SyncPhase.FAILED, error.message, False
        if error.code == NO_SPACE:
            phase = SyncPhase.PAUSED
            for_room = self._free() < RESUME_BYTES
            if for_room:
                text, pause_s = self._room(), LOOK_FOR_ROOM_S
        elif earlier:  # the newest run's results do not wait for it; it is tried again when the host is back
            return replace(status, phase=phase, error=f"earlier run {earlier}: {text}")
        self._waits[worker] = _Wait(tries, now + pause_s, for_room)
        return replace(status, phase=phase, error=text, retry_at=now + pause_s)

    def _free(self) -> int:
        try:
            return free_bytes(self._fleet.profile.results)
        except OSError:
            return FREE_FLOOR_BYTES

    def _room(self) -> str:
        free = self._free() / _GIB
        return f"this disk waits for {RESUME_BYTES / _GIB:.1f} GiB free, has {free:.1f}"
