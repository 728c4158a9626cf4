"""Whether the job of an attempt lives, judged by Slurm's queue and the supervisor's beats: no pid tells that from here.

The exit record is the truth, the queue is liveness. What Slurm does not say is unknown: with the controller down, or
an answer that is older than the job, nothing is decided and the last words stay. A job that is absent, or whose node
Slurm lost sight of, may still be beating; only without a fresh beat it is dead.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import replace
from typing import Any, Dict, Optional

from remote.onhost import slurm
from remote.onhost.cluster import Cluster
from wire.cluster import ClusterJob
from wire.codec import WireError, read_object
from wire.records import JobRecord
from wire.run_dir import TEMPORARY_PREFIX, AttemptDir, RunDir, attempt_number, replace_file
from wire.state import BEAT_INTERVAL_S, SILENT_AFTER_BEATS

Told = Dict[str, Any]

HEARD_S = 60.0
"""How often the time of Slurm's last answer is noted, while it says the same."""
NO_OUTPUT = "JobLaunchFailure"
"""Slurm's word for a job whose log it could not open on the node."""


def judge(run: RunDir, job: JobRecord, ended: bool, cluster: Cluster) -> Told:
    """Return {alive, why, orphans, queue} of an attempt that is a job; `queue` is a `ClusterJob`.

    `alive` is None while nobody knows. `ended`: its exit record is written.
    """
    attempt = run.attempt(attempt_number(job.attempt) or 0)
    before = _last(attempt, job)
    if ended:
        return _told(False, "", before)
    queue = cluster.queue()
    if queue.trouble or queue.asked_s < float(job.extra.get("submitted_s") or job.at_s):
        heard_s = max(queue.asked_s, before.heard_s or 0.0) or None
        return _told(None, "", replace(before, trouble=queue.trouble, heard_s=heard_s if queue.trouble else None))
    entry = queue.jobs.get(job.cluster_job)
    if entry is None:
        alive = beats(run, job.attempt)
        last = f" (Slurm last said {before.words})" if before.words else ""
        return _told(alive, "" if alive else f"gone from Slurm's queue{last}", before)
    now = _noted(attempt, before, entry, queue.asked_s)
    over = entry.state in slurm.OVER
    alive = not over or (entry.state == slurm.UNPROVED and beats(run, job.attempt))
    return _told(alive, "" if alive else _why(now, run), now)


def _told(alive: Optional[bool], why: str, queue: ClusterJob) -> Told:
    told = queue if queue.trouble else replace(queue, heard_s=None)
    return {"alive": alive, "why": why, "orphans": 0, "queue": told.to_dict()}


def beats(run: RunDir, attempt: str) -> bool:
    """True if the attempt's supervisor missed fewer than three beats.

    Ages are told by the clock of the file system alone: other machines' may be wrong.
    """
    beat = _read(run.heartbeat) or {}
    interval_s = beat.get("interval_s")
    try:
        with tempfile.NamedTemporaryFile(prefix=TEMPORARY_PREFIX, dir=run.path) as now:
            age_s = os.fstat(now.fileno()).st_mtime - os.stat(run.heartbeat).st_mtime
    except OSError:
        return False
    each_s = float(interval_s) if isinstance(interval_s, (int, float)) and interval_s > 0 else BEAT_INTERVAL_S
    return beat.get("attempt") == attempt and age_s < SILENT_AFTER_BEATS * each_s


def _last(attempt: AttemptDir, job: JobRecord) -> ClusterJob:
    """Return what was heard of the job before."""
    try:
        last = ClusterJob.from_dict(_read(attempt.queue) or {})
    except WireError:
        last = ClusterJob("", "")
    return last if last.job == job.cluster_job else ClusterJob(job.attempt, job.cluster_job)


def _noted(attempt: AttemptDir, before: ClusterJob, entry: slurm.Job, heard_s: float) -> ClusterJob:
    """Keep Slurm's words beside the attempt: it forgets a job soon after its end, and may not answer the next time."""
    waits = entry.state in slurm.PENDING
    now = ClusterJob(before.attempt, entry.job, entry.state, entry.reason, entry.nodes, waits, entry.start_s, heard_s)
    if replace(before, heard_s=heard_s) != now or heard_s - (before.heard_s or 0.0) >= HEARD_S:
        with contextlib.suppress(OSError):
            replace_file(attempt.queue, now.to_line())
    return now


def _why(job: ClusterJob, run: RunDir) -> str:
    if job.reason == NO_OUTPUT:
        return f"Slurm: {job.words}: that node does not see {run.path}, is `root:` on shared storage?"
    return f"Slurm: {job.words}"


def _read(path: str) -> Optional[Told]:
    try:
        return read_object(path)
    except WireError:
        return None
