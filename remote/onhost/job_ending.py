"""The job of one attempt on its way out, ended from a login node.

A job that waits is cancelled. A running one's supervisor finds the wish to stop in the run's folder by itself, with the
controller down too; the signal only hastens that. Slurm's own cancel comes last. That tool answers 0 whatever happens,
so that something has ended is known only by looking.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List

from remote.onhost import cluster, life, parts, slurm
from wire.records import JobRecord
from wire.run_dir import RunDir

LOOK_S = 0.5
"""Pause between two looks at the exit record and the queue."""
PENDING_S = 15.0
"""How long a waiting job may take to be cancelled; it may start meanwhile."""
SLACK_S = 5.0
"""What the supervisor gets beyond the grace: it may only look for the wish every few seconds."""
CANCELLED_S = 40.0
"""How long a cancelled job may take: Slurm itself waits for half a minute (KillWait) before it kills."""


class JobEnding:
    """Ends one attempt that is a job."""

    def __init__(self, run: RunDir, number: int, job: JobRecord) -> None:
        self._run, self._number, self._job = run, number, job
        self._cluster = cluster.Cluster(fresh_s=LOOK_S / 2)

    def anything(self) -> bool:
        """True unless it is certain that nothing is left."""
        return self._look()["alive"] is not False

    def left(self) -> List[int]:
        """Processes of other machines have no pid here."""
        return []

    def trouble(self) -> str:
        return self._cluster.queue().trouble

    def end(self, kill: bool, grace_s: float) -> bool:
        """End it; True if the supervisor did not do so itself."""
        if self._is_pending():
            cluster.call(slurm.cancel(self._job.cluster_job, pending=True))
            until = time.monotonic() + PENDING_S
            while self._is_pending() and time.monotonic() < until:
                time.sleep(LOOK_S)
            if not self.anything():
                return False
        if self.trouble() and not life.beats(self._run, self._job.attempt):
            return False  # nobody there to hear it, and nobody to ask whether it has begun
        if not self.trouble():
            cluster.call(slurm.signal_batch(self._job.cluster_job, "TERM"))
        if self._gone_within(grace_s + SLACK_S) or self.trouble():
            return False
        cluster.call(slurm.cancel(self._job.cluster_job))
        self._gone_within(CANCELLED_S)
        return True

    def _look(self) -> Dict[str, Any]:
        ended = parts.read_part(self._run.attempt(self._number).exit) is not None
        return life.judge(self._run, self._job, ended, self._cluster)

    def _is_pending(self) -> bool:
        queue = self._cluster.queue()
        entry = queue.jobs.get(self._job.cluster_job)
        return not queue.trouble and entry is not None and entry.state in slurm.PENDING

    def _gone_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.anything():
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_S)
        return True
