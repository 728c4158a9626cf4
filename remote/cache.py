"""Last known snapshots between two sessions, through `History`: loaded before the first paint, saved now and then.

A cached fact is never shown as a confirmed one: its monotonic times belong to another process and are dropped, only
the age that it had when it was loaded stays.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from remote.snapshot import RunSnapshot

if TYPE_CHECKING:
    from remote.history import History

SAVE_EVERY_S = 5.0


class Cache:
    """Snapshots of one project in the history; without a history it remembers nothing."""

    def __init__(self, history: History | None, project_id: str) -> None:
        self._history, self._project_id = history, project_id
        self._dirty: dict[str, RunSnapshot] = {}
        self._timer: asyncio.TimerHandle | None = None

    def load(self, blank: RunSnapshot) -> RunSnapshot:
        """Return the last snapshot of the blank's worker, as old as it is, or the blank itself."""
        return blank

    def changed(self, snapshot: RunSnapshot) -> None:
        """Save this snapshot soon (many changes become one write)."""

    def close(self) -> None:
        """Save what is not saved yet."""
