"""What a cluster says of a run's job: Slurm's own words, and what they amount to while the run itself says nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Dict, Optional

from wire.records import Record
from wire.state import State


@dataclass(frozen=True)
class ClusterJob(Record):
    """attempts/<n>/queue: the last that was heard of a job, by whoever asked last."""

    attempt: str
    job: str
    """Its number."""
    state: str = ""
    """Slurm's word (squeue's %T), '' before it was asked."""
    reason: str = ""
    """Why it waits, or how it ended (squeue's %r)."""
    nodes: str = ""
    waits: bool = True
    """Nothing of it has begun."""
    start_s: Optional[float] = None
    """When it began, or is expected to, by the cluster's clock."""
    heard_s: Optional[float] = None
    """When Slurm said so, by the clock of the host that asked; None in what is told of it while that is now."""
    trouble: str = ""
    """Why Slurm does not answer now, '' while it does."""
    extra: Dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """`PENDING (Resources)`, `RUNNING on n1`, '' before it was asked."""
        where = f" on {self.nodes}" if self.nodes and not self.waits else ""
        return self.state + (f" ({self.reason})" if self.reason else "") + where

    @property
    def place(self) -> str:
        """`job 12 on n1`."""
        return f"job {self.job}" + (f" on {self.nodes}" if self.nodes and not self.waits else "")

    @property
    def run_state(self) -> State:
        """The state of a run whose supervisor has not spoken yet."""
        return State.QUEUED if self.waits else State.STARTING

    def told(self, speaks: bool) -> str:
        """Return what a person should know of it; '' where the run itself `speaks` and Slurm has nothing to add."""
        if self.trouble:
            since = f" since {_clock(self.heard_s)}" if self.heard_s else ""
            last = f"; it last said {self.words}" if self.words else ""
            return f"Slurm is unknown{since} ({self.trouble}){last}"
        if speaks and self.state in ("RUNNING", ""):
            return ""
        when = f", may start at {_clock(self.start_s)}" if self.waits and self.start_s else ""
        return f"Slurm: {self.words}{when}" if self.words else f"Slurm: submitted as job {self.job}"


def _clock(at_s: float) -> str:
    return time.strftime("%H:%M UTC", time.gmtime(at_s))
