"""The states of a run, and what a phase of work is called."""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    """Where a run is. *Stalled*, *silent* and the connection stand beside the state, never inside it."""

    NOT_STARTED = "not started"
    PREPARING = "preparing"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    HELD = "held"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"

    @property
    def active(self) -> bool:
        """True while processes of the run exist or are about to."""
        return self in _ACTIVE

    @property
    def final(self) -> bool:
        """True when nothing more happens without a verb from a person."""
        return self in _FINAL


_ACTIVE = frozenset({State.PREPARING, State.QUEUED, State.STARTING, State.RUNNING, State.STOPPING})
_FINAL = frozenset({State.HELD, State.COMPLETED, State.FAILED, State.STOPPED, State.LOST})


class Phase(str, Enum):
    """What the work says that it is doing (`Progress.phase`); unknown words are kept as they are."""

    PREPARE = "prepare"
    LOAD = "load"
    GENERATE = "generate"
    TRAIN = "train"
    EVALUATE = "evaluate"
    CHECKPOINT = "checkpoint"
    DONE = "done"


STALL_AFTER_S = {Phase.TRAIN.value: 300.0, Phase.GENERATE.value: 300.0}
STALL_DEFAULT_S = 900.0
BEAT_INTERVAL_S = 30.0
SILENT_AFTER_BEATS = 3


def stall_after_s(phase: str) -> float:
    """Seconds without progress after which a phase counts as stalled."""
    return STALL_AFTER_S.get(phase, STALL_DEFAULT_S)
