"""A run directory read into parts: what `status`, `stop` and the follower all say about a run.

The parts are the records as JSON objects: spec, job, exit, beat, progress, result, stop, decision. The newest
*attempt* is the newest one with a job record: a launch that died before its supervisor spoke left nothing behind.
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from remote.onhost import life, processes
from remote.onhost.cluster import Cluster
from wire import gate
from wire.cluster import ClusterJob
from wire.codec import SPEC_MAX_BYTES, WireError, read_object
from wire.records import GateDecision, JobRecord
from wire.run_dir import TEMPORARY_PREFIX, Root, RunDir, attempt_id
from wire.state import State

Parts = Dict[str, Any]
Warn = Callable[[str], None]

RUN_FILES = {
    "spec.json": "spec",
    "heartbeat.json": "beat",
    "progress.json": "progress",
    "result.json": "result",
    "stop": "stop",
    "gate_decision.json": "decision",
}
"""File of a run directory -> name of its part."""

ATTEMPT_FILES = {"job": "job", "exit": "exit"}
"""File of an attempt's directory -> name of its part."""

WHY_LOST = {
    "gone": "supervisor gone, no exit record",
    "pid_reused": "supervisor gone (its pid is another process now), no exit record",
    "rebooted": "the host rebooted, no exit record",
}
"""Reason of a lost run, by `processes.Proof.why`."""

LOCK_BYTES = 256
"""The worker's lock names the run that it was last taken for, blank-padded to this size."""


def silent(_text: str) -> None:
    """Take a warning and forget it."""


def read_part(path: str, warn: Warn = silent, if_bad: Optional[Parts] = None) -> Optional[Parts]:
    """Return the record in one file; None if it is missing or blank, `if_bad` if it is bad (`warn` hears why)."""
    try:
        return read_object(path, SPEC_MAX_BYTES if path.endswith("spec.json") else 256 * 1024)
    except WireError as exc:
        warn(f"{path}: {exc}")
        return if_bad


def names_in(folder: str) -> List[str]:
    """Return the sorted names in a folder, without unfinished files; [] if there is no such folder."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith(TEMPORARY_PREFIX))
    except OSError:
        return []


def newest_attempt(run: RunDir) -> int:
    """Return the number of the newest attempt that has a job record, 0 if there is none."""
    numbers = sorted((int(name) for name in names_in(run.attempts) if name.isdigit()), reverse=True)
    return next((number for number in numbers if read_part(run.attempt(number).job)), 0)


def job_of(run: RunDir, number: int) -> Optional[JobRecord]:
    """Return the job record of one attempt, None if it is missing or bad."""
    data = read_part(run.attempt(number).job)
    try:
        return None if data is None else JobRecord.from_dict(data)
    except WireError:
        return None


def run_names(root: Root, project: str, worker: str) -> List[str]:
    """Return the worker's runs that ever had a supervisor, oldest name first."""
    folder = root.worker(project, worker)
    return [name for name in names_in(folder) if newest_attempt(RunDir(os.path.join(folder, name)))]


def current_run(root: Root, project: str, worker: str) -> str:
    """Return the worker's newest run, '' if it has none.

    The lock names it (run ids begin with a laptop's clock, which may be wrong); without that, the latest job counts.
    """
    try:
        holder = read_object(root.worker_lock(project, worker)) or {}
    except WireError:
        holder = {}
    named = holder.get("run")
    if isinstance(named, str) and named and "/" not in named and newest_attempt(root.run(project, worker, named)):
        return named
    latest = [(_launched_s(root.run(project, worker, run)), run) for run in run_names(root, project, worker)]
    return max(latest)[1] if latest else ""


def _launched_s(run: RunDir) -> float:
    job = job_of(run, newest_attempt(run))
    return float(job.extra.get("submitted_s") or job.at_s) if job else 0.0


def read_run(run: RunDir, warn: Warn = silent) -> Parts:
    """Return all parts of a run and the number of its newest attempt, without the proof of life."""
    number = newest_attempt(run)
    parts: Parts = {part: read_part(os.path.join(run.path, name), warn) for name, part in RUN_FILES.items()}
    parts["attempt"] = number
    for name, part in ATTEMPT_FILES.items():
        parts[part] = read_part(os.path.join(run.attempt(number).path, name), warn) if number else None
    return parts


def prove_life(
    found: Iterable[Tuple[RunDir, Parts]], thorough: bool = False, cluster: Optional[Cluster] = None
) -> None:
    """Set `alive`, `why` and `orphans` in the parts of several runs, with one look at the process table.

    Orphans are counted for dead supervisors without an exit record; `thorough` counts them for ended runs too. Of jobs
    it is the `cluster` that tells, in one call, and `queue` is what it says.
    """
    cluster = cluster or Cluster()
    dead: List[Tuple[str, Parts]] = []
    for run, parts in found:
        job = job_of(run, parts["attempt"])
        if job is not None and job.cluster_job:
            _prove_job(run, parts, job, cluster)
            continue
        proof = processes.prove(job) if job else None
        parts["alive"] = proof.alive if proof else None
        parts["why"] = proof.why if proof else ""
        parts["orphans"] = 0
        if job is None or parts["alive"]:
            continue
        if parts["exit"] is None:
            # It may have ended between the two looks: the record of a dead supervisor is final, so read it again.
            parts["exit"] = read_part(run.attempt(parts["attempt"]).exit)
        if thorough or parts["exit"] is None:
            dead.append((job.nonce, parts))
    families = processes.families([nonce for nonce, _ in dead]) if dead else {}
    for nonce, parts in dead:
        parts["orphans"] = len(families[nonce])


def _prove_job(run: RunDir, parts: Parts, job: JobRecord, cluster: Cluster) -> None:
    parts.update(life.judge(run, job, parts["exit"] is not None, cluster))
    if parts["alive"] is False and parts["exit"] is None:
        # It may have ended between the two looks, as above.
        parts["exit"] = read_part(run.attempt(parts["attempt"]).exit)


def facts(root: Root, project: str, worker: str, run: str) -> Parts:
    """Return everything about one run, as the follower's `run` message says it."""
    where = root.run(project, worker, run)
    parts = read_run(where)
    prove_life([(where, parts)], thorough=True)
    parts["checkpoint_age_s"] = checkpoint_age_s(where, parts["progress"])
    return {"k": "run", "worker": worker, "run": run, **parts}


def checkpoint_age_s(run: RunDir, progress: Optional[Parts]) -> Optional[float]:
    """Return the age of the newest checkpoint by the host's own clock: as reported, else by the files' times."""
    at_s = (progress or {}).get("checkpoint_at_s")
    if not isinstance(at_s, (int, float)):
        times = []
        for name in names_in(run.checkpoints):
            try:
                times.append(os.lstat(os.path.join(run.checkpoints, name)).st_mtime)
            except OSError:
                continue
        at_s = max(times, default=None)
    return None if at_s is None else max(0.0, round(time.time() - at_s, 1))


def verdict(parts: Parts) -> Tuple[State, Optional[int], str]:
    """Return (state, exit code, reason) of a run from its parts: exit record first, then the proof of life."""
    ended, beat = parts["exit"], parts["beat"] or {}
    if ended is not None:
        state, reason = _state(ended.get("state"), State.FAILED), str(ended.get("reason") or "")
        if state is State.COMPLETED and _held(ended, parts["result"] or {}):
            state, reason = gate.standing(parts["result"].get("gate"), decision_in(parts))
        return state, ended.get("code"), reason
    if parts["job"] is None:
        return State.NOT_STARTED, None, ""
    if parts["alive"] is False:
        return State.LOST, None, WHY_LOST.get(parts["why"]) or f"{parts['why']}, no exit record"
    attempt = parts["job"].get("attempt")
    if (parts["stop"] or {}).get("attempt") == attempt:
        return State.STOPPING, None, ""
    queue, speaks = cluster_job(parts), beat.get("attempt") == attempt
    reason = queue.told(speaks) if queue else ""
    if speaks:
        return _state(beat.get("state"), State.STARTING), None, reason
    return (queue.run_state if queue else State.STARTING), None, reason


def cluster_job(parts: Parts) -> Optional[ClusterJob]:
    """Return what the cluster says of the newest attempt's job, None if it is none."""
    try:
        return ClusterJob.from_dict(parts["queue"]) if parts.get("queue") else None
    except WireError:
        return None


def _held(ended: Parts, result: Parts) -> bool:
    """True if this very attempt ended at its gate: a result of an earlier one says nothing about it."""
    return result.get("verdict") == gate.HELD and result.get("attempt") == ended.get("attempt")


def decision_in(parts: Parts) -> Optional[GateDecision]:
    """Return what somebody decided about the run at its gate, None if nobody did."""
    try:
        return GateDecision.from_dict(parts["decision"]) if parts["decision"] else None
    except WireError:
        return None


def _state(word: Any, default: State) -> State:
    try:
        return State(word)
    except ValueError:
        return default


def stop_wish(run: RunDir, number: int) -> Optional[Parts]:
    """Return the stop request of exactly this attempt (a stale one names another)."""
    wish = read_part(run.stop)
    return wish if wish and wish.get("attempt") == attempt_id(os.path.basename(run.path), number) else None


def newest_line(path: str, max_bytes: int = 4096) -> str:
    """Return the last line with text of a file, '' if there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - max_bytes))
            lines = file.read(max_bytes).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
