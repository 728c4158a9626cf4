"""Last known snapshots between two sessions: loaded before the first paint, saved a few at a time.

A cached fact is never shown as a confirmed one: its row has an age, and no link. Saving a long history takes some
milliseconds, so few rows are written at a time and each not too often; the rest is written at the end.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from remote.snapshot import RunSnapshot

if TYPE_CHECKING:
    from remote.history import History
    from wire.records import Action

TURN_S = 1.0
ROWS_A_TURN = 2
ROW_EVERY_S = 20.0


class Cache:
    """Snapshots of one project in the history; without a history it remembers nothing."""

    def __init__(self, history: History | None, project_id: str) -> None:
        self._history, self._project_id = history, project_id
        self._known = history.load(project_id) if history is not None else {}
        self._dirty: dict[str, RunSnapshot] = {}
        self._saved_at: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def load(self, blank: RunSnapshot) -> RunSnapshot:
        """Return what was last known of the blank's worker on the same host, else the blank."""
        known = self._known.get(blank.worker)
        if known is None or known.host != blank.host or not known.run:
            return blank
        return replace(
            known,
            project=blank.project,
            branch=known.branch or blank.branch,
            extractor=known.extractor or blank.extractor,
            link=blank.link,
        )

    def changed(self, snapshot: RunSnapshot) -> None:
        """Save this snapshot soon."""
        if self._history is None or snapshot.seen_at is None:
            return
        self._dirty[snapshot.worker] = snapshot
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TURN_S, self._turn)

    def record(self, worker: str, action: Action) -> None:
        """Remember a verb that was used on this laptop."""
        if self._history is not None:
            self._history.record(self._project_id, worker, action)

    def recorded(self, worker: str, limit: int) -> list[tuple[str, Action]]:
        """The newest of those, newest first."""
        return [] if self._history is None else self._history.actions(self._project_id, worker, limit)

    def close(self) -> None:
        """Save what is not saved yet, and close the history."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._history is not None:
            self._history.save(self._project_id, self._dirty.values())
            self._history.close()
        self._dirty.clear()

    def _turn(self) -> None:
        """Write the rows that waited longest, if they are due."""
        assert self._history is not None
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = [name for name in self._dirty if now - self._saved_at.get(name, -ROW_EVERY_S) >= ROW_EVERY_S]
        chosen = due[:ROWS_A_TURN]
        self._history.save(self._project_id, [self._dirty.pop(name) for name in chosen])
        self._saved_at.update(dict.fromkeys(chosen, now))
        self._timer = loop.call_later(TURN_S, self._turn) if self._dirty else None
