"""The only state of the app: newest snapshots, what is selected, and what must be drawn again.

The fleet writes here at any rate; screens read here at the flush (4 a second). While frozen, news is kept aside and
the screen stands still, with its age shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from remote.checks import Report
from remote.snapshot import RunSnapshot
from tui.widgets.braille import STYLE_ORDER
from wire.state import State

if TYPE_CHECKING:
    from tui.housekeeping.removal import Removal

PROFILE = "profile"
URGENT = (
    State.FAILED, State.LOST, State.HELD, State.STOPPING, State.RUNNING, State.STARTING, State.PREPARING, State.QUEUED,
    State.STOPPED, State.COMPLETED, State.NOT_STARTED,
)  # fmt: skip
ORDERS: dict[str, Callable[[RunSnapshot], Any]] = {
    PROFILE: lambda row: 0,
    "state": lambda row: URGENT.index(row.state),
    "name": lambda row: row.worker,
    "host": lambda row: (row.host, row.worker),
    "newest run": lambda row: -(row.spec.created_s if row.spec is not None else 0.0),
}
"""How workers may be sorted; equals keep the profile's order."""


class Store:
    """Snapshots in the profile's order. `clock` is monotonic, `wall` is UTC epoch seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.wall = wall
        self.selected = ""
        self.pattern = ""
        self.order = PROFILE
        self.marked: list[str] = []
        """Workers that somebody marked, in the order of marking."""
        self.reports: dict[str, Report] = {}
        """What doctor last said of each host."""
        self.looking: set[str] = set()
        """Hosts that it looks at now."""
        self.removal: Removal | None = None
        """What `prune` removes now."""
        self.frozen_at: float | None = None
        self._rows: dict[str, RunSnapshot] = {}
        self._colours: dict[str, int] = {}
        self._pending: dict[str, RunSnapshot] = {}
        self._dirty: set[str] = set()

    def now(self) -> float:
        """The moment that the screen shows: the present, or the freeze."""
        return self.clock() if self.frozen_at is None else self.frozen_at

    def put(self, snapshot: RunSnapshot) -> RunSnapshot | None:
        """Take a newer snapshot; returns the one that it replaces."""
        rows = self._rows if self.frozen_at is None or snapshot.worker not in self._rows else self._pending
        old = self._pending.get(snapshot.worker) or self._rows.get(snapshot.worker)
        rows[snapshot.worker] = snapshot
        self._colours.setdefault(snapshot.worker, len(self._colours))
        self._dirty.add(snapshot.worker)
        if not self.selected:
            self.selected = snapshot.worker
        return old

    def fill(self, snapshots: Iterable[RunSnapshot]) -> None:
        """Take many, in order."""
        for snapshot in snapshots:
            self.put(snapshot)

    def reset(self, snapshots: Iterable[RunSnapshot]) -> None:
        """Take these in their order and forget every other worker; what is selected stays if it is still there."""
        old, self._rows, self._pending, self._colours = self.selected, {}, {}, {}
        self.selected = ""
        self.fill(snapshots)
        self.selected = old if old in self._rows else self.selected
        self.marked = [worker for worker in self.marked if worker in self._rows]

    def freeze(self) -> bool:
        """Freeze or go on; returns whether the screen is frozen now."""
        if self.frozen_at is None:
            self.frozen_at = self.clock()
            return True
        self.frozen_at = None
        self._rows.update(self._pending)
        self._pending.clear()
        self._dirty.update(self._rows)
        return False

    def mark_to(self, worker: str) -> int:
        """Mark everything that is shown from the last marked worker to this one; returns how many are marked now."""
        names = [row.worker for row in self.visible()]
        if worker in names:
            start = names.index(self.marked[-1]) if self.marked and self.marked[-1] in names else names.index(worker)
            end = names.index(worker)
            between = names[start : end + 1] if start <= end else names[end : start + 1][::-1]
            self.marked += [name for name in between if name not in self.marked]
            self._dirty.update(between)
        return len(self.marked)

    def clear_marks(self) -> None:
        """Take every mark away."""
        self._dirty.update(self.marked)
        self.marked = []

    def chosen(self) -> list[RunSnapshot]:
        """Whom a verb is for, as they are now: the marked, also those that the filter hides, or else the selected."""
        current = self.current()
        names = self.marked or ([current.worker] if current is not None else [])
        return [row for name in names if (row := self.newest(name)) is not None]

    def hidden(self, rows: list[RunSnapshot]) -> int:
        """How many of these the filter hides."""
        shown = {row.worker for row in self.visible()}
        return sum(row.worker not in shown for row in rows)

    def toggle_mark(self, worker: str) -> bool:
        """Mark a worker, or take its mark away; returns whether it is marked now."""
        self.touch(worker)
        if worker in self.marked:
            self.marked.remove(worker)
            return False
        self.marked.append(worker)
        return True

    def touch(self, worker: str) -> None:
        """Have a worker drawn again although nothing was heard of it."""
        self._dirty.add(worker)

    def take_dirty(self) -> set[str]:
        """Workers to draw again since the last call."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    def colour(self, worker: str) -> str:
        """Role of the worker's own colour, the same as long as the profile keeps its order."""
        return f"w{self._colours.get(worker, 0)}"

    def line_style(self, worker: str) -> str:
        """Style of the worker's curves: neighbours differ in it too, so that they are told apart without colour."""
        return STYLE_ORDER[self._colours.get(worker, 0) % len(STYLE_ORDER)]

    def all(self) -> list[RunSnapshot]:
        """Every worker."""
        return list(self._rows.values())

    def newest(self, worker: str) -> RunSnapshot | None:
        """What is known now, also behind a frozen screen: what verbs and their questions go by."""
        return self._pending.get(worker) or self._rows.get(worker)

    def get(self, worker: str) -> RunSnapshot | None:
        """What the screen shows of a worker."""
        return self._rows.get(worker)

    def visible(self) -> list[RunSnapshot]:
        """Workers that match the filter, in the chosen order: every word must occur in name, host, branch, state or
        extractor."""
        words = self.pattern.lower().split()
        rows = [row for row in self._rows.values() if not words or all(word in _haystack(row) for word in words)]
        return rows if self.order == PROFILE else sorted(rows, key=ORDERS[self.order])

    def current(self) -> RunSnapshot | None:
        """The selected worker, if the filter shows it, else the first that it shows."""
        shown = self.visible()
        return next((row for row in shown if row.worker == self.selected), shown[0] if shown else None)

    def move(self, by: int) -> str:
        """Select the neighbour `by` places on; stays at the ends."""
        names = [row.worker for row in self.visible()]
        if names:
            at = names.index(self.selected) if self.selected in names else 0
            self.selected = names[max(0, min(len(names) - 1, at + by))]
        return self.selected


def _haystack(row: RunSnapshot) -> str:
    return " ".join((row.worker, row.host, row.branch, row.state.value, row.extractor, row.link.link.value)).lower()
