"""The worker's lock: one active run a worker, held by supervisor and work for exactly as long as they live.

The supervisor writes into the locked file which run it was taken for. A lock that is held and a supervisor that is
proved alive make an answer; a lock that is held although the supervisor is dead means orphans. A job of a cluster that
waits holds no lock, and has the worker all the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Any, Dict, Iterator, Optional, Tuple

from remote.onhost import life, parts, processes
from remote.onhost.cluster import Cluster
from remote.onhost.request import Refusal
from wire.codec import WireError, encode, read_object
from wire.records import JobRecord
from wire.run_dir import TEMPORARY_PREFIX, Root, RunDir, attempt_number, replace_file

PATIENCE_S = 20.0
"""How long a launch waits for another launch, which holds the lock, to get its supervisor going."""

ORPHANS_AFTER_S = 2.0
"""A lock held this long without a living supervisor is held by something left over."""


class WorkerLock:
    """The lock file, opened; a context that closes our descriptor (the inherited ones keep the lock)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = _opened(path)

    def __enter__(self) -> "WorkerLock":
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self.descriptor)

    def take(self) -> bool:
        """Take the lock if it is free; True if it is ours now."""
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if self._is_in_place():
                return True
            self._open_again()

    def _open_again(self) -> None:
        os.close(self.descriptor)
        self.descriptor = _opened(self.path)

    def _take_from_lost(self, root: Root, project: str, worker: str) -> None:
        """Put a new file in the place of the one that the supervisor of a lost job holds on its node, out of reach.

        That one is fenced, see `remote.onhost.tenure`. Of several who do this at once, one does it.
        """
        with self._guarded():
            if self._is_in_place() and self._named(root, project, worker)[1] is not None:
                replace_file(self.path, b"")
        self._open_again()

    def _is_in_place(self) -> bool:
        """True if the file that we have open is the one that others will open."""
        return os.path.samestat(os.fstat(self.descriptor), os.stat(self.path))

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Alone decide whose the lock is, where it may be taken from a lost job."""
        folder, name = os.path.split(self.path)
        guard = _opened(os.path.join(folder, TEMPORARY_PREFIX + name))
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield
        finally:
            os.close(guard)

    def take_or_find(self, root: Root, project: str, worker: str) -> Optional[Dict[str, Any]]:
        """Take the lock and return None, or return {run, attempt, pid, nonce} of the run that has the worker.

        Another launch may hold it without a supervisor yet, or a supervisor may be about to leave: both pass, so
        look again. Raises `Refusal` `orphans` if only leftovers hold it.
        """
        began, cluster = time.monotonic(), Cluster(ORPHANS_AFTER_S)
        while not self.take():
            run, job = self._named(root, project, worker)
            ended = job is not None and _has_ended(run, job)
            alive = job is not None and _lives(run, job, ended, cluster)
            if job is not None and alive and not ended:
                return _running(job)
            waited = time.monotonic() - began
            if job is not None and job.cluster_job and not ended and waited > ORPHANS_AFTER_S:
                self._take_from_lost(root, project, worker)
                continue
            left = sorted(processes.family(job.nonce)) if job and not alive and waited > ORPHANS_AFTER_S else []
            if left or waited > PATIENCE_S:
                self._refuse(left or sorted(processes.holders(self.path)))
            time.sleep(0.02)
        queued = queued_job(root, project, worker, cluster)
        if queued is None and not self._unname_job(root, project, worker):
            return self.take_or_find(root, project, worker)
        return queued

    def _named(self, root: Root, project: str, worker: str) -> Tuple[RunDir, Optional[JobRecord]]:
        """Return the run that the file was last taken for, and the job record of its newest attempt."""
        run = root.run(project, worker, str((holder(self.path) or {}).get("run")))
        return run, parts.job_of(run, parts.newest_attempt(run))

    def _unname_job(self, root: Root, project: str, worker: str) -> bool:
        """We have what a job had that is over: others, who find us holding it, must not take us for its supervisor.

        False if somebody did so already, and took it from us.
        """
        job = self._named(root, project, worker)[1]
        if job is None or not job.cluster_job:
            return True
        with self._guarded():
            os.pwrite(self.descriptor, b" " * (parts.LOCK_BYTES - 1) + b"\n", 0)
            return self._is_in_place()

    def _refuse(self, left: "list[int]") -> None:
        raise Refusal(
            "orphans",
            f"the worker's lock is held although no supervisor lives; by these processes: {left}",
            "stop the worker first; end what then is left by hand",
            pids=left,
        )


def _opened(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def queued_job(root: Root, project: str, worker: str, cluster: Cluster) -> Optional[Dict[str, Any]]:
    """Return the same of the job that has the worker although nobody holds its lock, None if there is none."""
    name = parts.current_run(root, project, worker)
    run = root.run(project, worker, name)
    job = parts.job_of(run, parts.newest_attempt(run)) if name else None
    if job is None or not job.cluster_job or _has_ended(run, job):
        return None
    return _running(job) if _lives(run, job, False, cluster) else None


def _running(job: JobRecord) -> Dict[str, Any]:
    run = job.attempt.rpartition(".")[0]
    return {"run": run, "attempt": job.attempt, "pid": job.pid, "nonce": job.nonce}


def _lives(run: RunDir, job: JobRecord, ended: bool, cluster: Cluster) -> bool:
    """True also for a job of which nobody knows: a second one beside it would be worse than none."""
    if job.cluster_job:
        return life.judge(run, job, ended, cluster)["alive"] is not False
    return processes.prove(job).alive


def _has_ended(run: RunDir, job: JobRecord) -> bool:
    """True if the exit record of the attempt is written: what is left of its supervisor only has to leave."""
    number = attempt_number(job.attempt)
    return number is not None and parts.read_part(run.attempt(number).exit) is not None


def name_holder(descriptor: int, run: str, attempt: str, nonce: str) -> None:
    """Write into the locked file whom it is held for, in place (so that a full disk does not matter)."""
    line = encode({"run": run, "attempt": attempt, "nonce": nonce})
    os.pwrite(descriptor, line[:-1].ljust(parts.LOCK_BYTES - 1) + b"\n", 0)


def holder(path: str) -> Optional[Dict[str, Any]]:
    """Return whom a lock's file was last taken for, {run, attempt, nonce}; None if it names nobody."""
    try:
        return read_object(path)
    except WireError:
        return None
