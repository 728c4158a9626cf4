"""`stop`: end a run, all of it, and say `stopped` only when its processes are gone.

A living supervisor is asked and ends everything itself, so the stop goes on if this verb dies with its connection.
Whatever is left after the grace is ended from here, as its launcher can. Then look again.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Dict

from remote.onhost import launchers, parts, request
from remote.onhost.launchers import Ending
from remote.onhost.lock import WorkerLock
from remote.onhost.outcome import Outcome, write_exit
from wire.records import Action, JobRecord, RunSpec, StopRequest
from wire.run_dir import RunDir, append_line, replace_file
from wire.state import State


def stop(asked: Dict[str, Any]) -> Dict[str, Any]:
    """End the worker's run (`run` or its newest); `kill` gives no grace."""
    root = request.root(asked)
    project, worker = request.folder_name(asked, "project"), request.folder_name(asked, "worker")
    name = request.folder_name(asked, "run", "") or parts.current_run(root, project, worker)
    run = root.run(project, worker, name)
    number = parts.newest_attempt(run) if name else 0
    job = parts.job_of(run, number)
    if job is None:
        return {"run": name, "state": State.NOT_STARTED.value, "code": None, "reason": "", "stopped": True,
                "forced": False, "left": [], "was_running": False}  # fmt: skip
    ending = launchers.of_job(job).ending(run, number, job)
    was_running = ending.anything()
    forced = False
    if was_running:
        by, kill = request.text(asked, "by", ""), asked.get("kill") is True
        grace_s = 0.0 if kill else request.number(asked, "grace_s", _grace_s(run))
        _ask(run, job, by, kill, grace_s)
        forced = ending.end(kill, grace_s)
        _close_record(root.worker_lock(project, worker), run, number, job, by, forced, ending)
    left, stopped = ending.left(), not ending.anything()
    found = parts.facts(root, project, worker, name)
    state, code, reason = parts.verdict(found)
    forced = forced or bool(was_running and (found["exit"] or {}).get("forced"))
    if not stopped and ending.trouble():
        reason = f"Slurm says nothing ({ending.trouble()}); the wish waits where the job finds it when it starts"
    return {"run": name, "state": state.value, "code": code, "reason": reason, "stopped": stopped,
            "forced": forced, "left": left, "was_running": was_running}  # fmt: skip


def _grace_s(run: RunDir) -> float:
    value = (parts.read_part(run.spec) or {}).get("grace_s")
    return float(value) if isinstance(value, (int, float)) else RunSpec.grace_s


def _ask(run: RunDir, job: JobRecord, by: str, kill: bool, grace_s: float) -> None:
    """Leave the wish in the run directory. A full disk loses who asked, not the stop."""
    now = time.time()
    wish = StopRequest(job.attempt, by, now, kill, {"grace_s": grace_s})
    with contextlib.suppress(OSError):
        replace_file(run.stop, wish.to_line())
    with contextlib.suppress(OSError):
        action = Action("kill" if kill else "stop", by, now, f"TERM, {grace_s:g} s, KILL", "asked", job.attempt)
        append_line(run.actions, action.to_line())


def _close_record(
    lock_path: str, run: RunDir, number: int, job: JobRecord, by: str, forced: bool, ending: Ending
) -> None:
    """Record the end of an attempt without a supervisor: with the worker's lock in hand we are the only writer."""
    if ending.anything():
        return
    with WorkerLock(lock_path) as lock:
        if not lock.take() or parts.read_part(run.attempt(number).exit) is not None:
            return
        began = (parts.job_of(run, number) or job).pid  # a job's record has none until its supervisor speaks
        why = "its supervisor was gone" if began else "before it started"
        outcome = Outcome(State.STOPPED, None, f"by {by} ({why})" if by else "stopped", by)
        write_exit(run.attempt(number), outcome.record(job.attempt, forced=forced))
