"""Decide a run's state from the evidence in its row: pure, and the only place that does.

The exit record always wins. Without one, a supervisor that is proved dead is first *checking* (its exit record may
be on its way) and only after a grace *lost*: silence is not failure.
"""

from __future__ import annotations

from remote.revised import revised
from remote.row import Row
from remote.snapshot import RunSnapshot
from wire import gate
from wire.records import ExitRecord
from wire.state import State

LOST_AFTER_S = 5.0
"""Grace between the proof that a supervisor is gone and the word *lost*."""
CHECKING = "checking"
"""Reason of a state while that grace runs."""

_WHY_LOST = {
    "gone": "supervisor gone, no exit record",
    "pid_reused": "supervisor gone (its pid is another process now), no exit record",
    "rebooted": "the host rebooted, no exit record",
}


def settle(row: Row, now: float) -> Row:
    """Return the row with its state judged at `now`; the same object if nothing changed."""
    state, reason = judge(row, now)
    if (state, reason) == (row.snapshot.state, row.snapshot.reason):
        return row
    return revised(row, snapshot=revised(row.snapshot, state=state, reason=reason))


def settles_at(row: Row) -> float | None:
    """Monotonic time at which the mere passing of time changes this row's state, None if it never does."""
    return None if row.dead_at is None or row.snapshot.state is State.LOST else row.dead_at + LOST_AFTER_S


def judge(row: Row, now: float) -> tuple[State, str]:
    """Return the state and why it is so."""
    snapshot = row.snapshot
    if not snapshot.run:
        return State.NOT_STARTED, snapshot.reason
    if snapshot.exit is not None:
        return _ended(snapshot.exit, snapshot)
    if row.alive is False:
        return _dead(row, snapshot, now)
    state = _active(row)
    if state is State.STOPPING and row.stop is not None:
        return state, f"{'killed' if row.stop.kill else 'asked'} by {row.stop.by or 'somebody'}"
    if state is State.QUEUED and snapshot.beat is not None:
        return state, snapshot.beat.waits_for
    return state, snapshot.cluster.told(snapshot.beat is not None) if snapshot.cluster is not None else ""


def _dead(row: Row, snapshot: RunSnapshot, now: float) -> tuple[State, str]:
    checking = row.dead_at is not None and now - row.dead_at < LOST_AFTER_S
    if checking and snapshot.state is not State.LOST:
        return _active(row), CHECKING
    text = _WHY_LOST.get(row.why, f"{row.why or 'supervisor gone'}, no exit record")
    return State.LOST, f"{text}; {row.orphans} of its processes still run" if row.orphans else text


def _ended(end: ExitRecord, snapshot: RunSnapshot) -> tuple[State, str]:
    result = snapshot.result
    try:
        state = State(end.state)
    except ValueError:
        state = State.COMPLETED if end.code == 0 else State.FAILED
    if not state.final:
        state = State.FAILED
    if state is State.COMPLETED and result is not None and result.verdict == gate.HELD:
        return gate.standing(result.gate, snapshot.decision)
    reason = end.reason or (f"by {end.by}" if end.by else "")
    if state is State.FAILED and not reason:
        reason = "no exit code" if end.code is None else f"exit code {end.code}"
    last_line = end.extra.get("last_line")
    if state is State.FAILED and isinstance(last_line, str) and last_line and last_line not in reason:
        reason = f"{reason}: {last_line}"
    return state, reason


def _active(row: Row) -> State:
    """The state that an unfinished run is in, by its stop request and its newest beat."""
    if row.stop is not None:
        return State.STOPPING
    beat, job = row.snapshot.beat, row.snapshot.cluster
    if beat is None:
        return State.STARTING if job is None else job.run_state
    try:
        state = State(beat.state)
    except ValueError:
        return State.RUNNING
    return state if state.active else State.RUNNING
