"""A job takes up its attempt on the node where it begins, if it is the one that the attempt's record names.

A submission may have been repeated, given up, stopped or overtaken while the job waited; such a job leaves again.
"""

from __future__ import annotations

import os
import time
from typing import Tuple

from remote.onhost import parts, processes
from remote.onhost.cluster import Cluster
from remote.onhost.lock import WorkerLock, name_holder, queued_job
from remote.onhost.rank import node_name
from remote.onhost.spawn import Claim
from wire.records import JobRecord, RunSpec
from wire.run_dir import Root, replace_file

PATIENCE_S = 60.0
"""How long the worker's lock may be held by the launch, or by an attempt that is about to leave. Who still holds it
then is an older attempt on a node that nobody reaches, which writes nothing any more (`remote.onhost.tenure`)."""
LOOK_S = 0.1


class NotOurs(Exception):
    """There is nothing for this job to do, and why."""


def join(claim: Claim) -> Tuple[RunSpec, WorkerLock]:
    """Take the worker's lock, say in the job record where we are, and return what is to be done.

    Raises `NotOurs`, and `WireError` or OSError for a run directory that cannot be used.
    """
    _demand_ours(claim)
    root = Root(claim.root)
    lock = WorkerLock(root.worker_lock(claim.project, claim.worker))
    until = time.monotonic() + PATIENCE_S
    while not lock.take() and time.monotonic() < until:
        time.sleep(LOOK_S)
    before = _demand_ours(claim)
    other = queued_job(root, claim.project, claim.worker, Cluster())
    if other is not None and other["attempt"] != claim.attempt:
        raise NotOurs(f"{other['attempt']} has the worker")
    replace_file(claim.run_dir.attempt(claim.number).job, _record(claim, before).to_line())
    name_holder(lock.descriptor, claim.run, claim.attempt, claim.nonce)
    return RunSpec.from_dict(parts.read_part(claim.run_dir.spec) or {}), lock


def own_job() -> str:
    """Return the number of the job that we are in."""
    return os.environ.get("SLURM_JOB_ID", "")


def _demand_ours(claim: Claim) -> "JobRecord | None":
    """Return the job record; None if the launch died before it could write it."""
    attempt, job = claim.run_dir.attempt(claim.number), parts.job_of(claim.run_dir, claim.number)
    if claim.nonce not in _text(attempt.script):
        raise NotOurs(f"{attempt.path} is gone or another's: the launch was given up")
    if job is not None and (job.nonce, job.cluster_job) != (claim.nonce, own_job()):
        raise NotOurs(f"job {job.cluster_job} is the one that was recorded")
    if parts.newest_attempt(claim.run_dir) > claim.number:
        raise NotOurs("a newer attempt has taken over")
    if parts.read_part(attempt.exit) is not None:
        raise NotOurs("it was stopped before it began")
    return job


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def _record(claim: Claim, before: "JobRecord | None") -> JobRecord:
    """Who we are and where; when it was submitted stays known by the clock of the host that did."""
    ticks, now_s = processes.start_ticks(os.getpid()) or 0, time.time()
    extra = before.extra if before is not None else {"submitted_s": now_s}
    return JobRecord(
        claim.attempt, claim.nonce, os.getpid(), ticks, processes.boot_id(), now_s, own_job(), node_name(), extra
    )
