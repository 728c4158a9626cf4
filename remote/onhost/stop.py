"""`stop`: end a run, all of it, and say `stopped` only when its processes are gone.

A living supervisor is asked and ends everything itself, so the stop goes on if this verb dies with its connection.
Whatever is left after the grace is killed from here: the work first, the supervisor last, so that it can record the
end. Then look again.
"""

from __future__ import annotations

import contextlib
import signal
import time
from typing import Any, Callable, Dict, Optional

from remote.onhost import parts, processes, request
from remote.onhost.lock import WorkerLock
from remote.onhost.outcome import Outcome, write_exit
from wire.records import Action, JobRecord, RunSpec, StopRequest
from wire.run_dir import RunDir, append_line, replace_file
from wire.state import State

LOOK_S = 0.05
"""Pause between two looks at the process table."""

SLACK_S = 2.0
"""What the supervisor gets beyond the grace for its own KILL and its exit record."""

DEAF_S = 2.0
"""A supervisor that has not noted the request after this long (it may hang in a write) is helped from here."""


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
    ending = _Ending(run, number, job)
    was_running = ending.anything()
    forced = False
    if was_running:
        by, kill = request.text(asked, "by", ""), asked.get("kill") is True
        grace_s = 0.0 if kill else request.number(asked, "grace_s", _grace_s(run))
        _ask(run, job, by, kill, grace_s)
        forced = ending.end(kill, grace_s)
        _close_record(root.worker_lock(project, worker), run, number, job, by, forced)
    left = sorted(ending.everything())
    found = parts.facts(root, project, worker, name)
    state, code, reason = parts.verdict(found)
    forced = forced or bool(was_running and (found["exit"] or {}).get("forced"))
    return {"run": name, "state": state.value, "code": code, "reason": reason, "stopped": not left,
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


class _Ending:
    """The processes of one attempt on their way out."""

    def __init__(self, run: RunDir, number: int, job: JobRecord) -> None:
        self.run, self.number, self.job = run, number, job

    def everything(self) -> Dict[int, int]:
        """Return pid -> start time of all that is provably ours, the supervisor included."""
        found = processes.family(self.job.nonce)
        if processes.prove(self.job).alive:
            found[self.job.pid] = self.job.start_ticks
        return found

    def anything(self) -> bool:
        return bool(self.everything())

    def end(self, kill: bool, grace_s: float) -> bool:
        """End everything; True if KILL from here was needed."""
        if not kill and self._ask(grace_s):
            return False
        self._kill_work()
        if not self._gone_within(SLACK_S):
            self._kill_work()
            self._send_supervisor(signal.SIGKILL)
            self._gone_within(SLACK_S)
        return True

    def _ask(self, grace_s: float) -> bool:
        """TERM, and wait as long as the grace allows; True if everything is gone."""
        asked = processes.prove(self.job).alive and self._send_supervisor(signal.SIGTERM)
        if asked:
            self._send_supervisor(signal.SIGCONT)  # it may have been halted
            if self._gone_within(min(grace_s, DEAF_S)):
                return True
        if asked and self._heard():
            return self._gone_within(grace_s - min(grace_s, DEAF_S) + SLACK_S)
        self._send_work(signal.SIGTERM)
        self._gone_within(grace_s, self._work)
        return not self.anything()

    def _heard(self) -> bool:
        beat = parts.read_part(self.run.heartbeat) or {}
        return beat.get("attempt") == self.job.attempt and beat.get("state") == State.STOPPING.value

    def _gone_within(self, seconds: float, look: Optional[Callable[[], object]] = None) -> bool:
        until = time.monotonic() + seconds
        while look() if look else self.anything():
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_S)
        return True

    def _work(self) -> Dict[int, int]:
        found = self.everything()
        found.pop(self.job.pid, None)
        return found

    def _send_work(self, number: int) -> None:
        for pid, ticks in self._work().items():
            processes.send(pid, ticks, number)

    def _kill_work(self) -> None:
        """Kill the work until none is left: it may be forking meanwhile."""
        until = time.monotonic() + SLACK_S
        while self._work() and time.monotonic() < until:
            self._send_work(signal.SIGKILL)
            time.sleep(LOOK_S)

    def _send_supervisor(self, number: int) -> bool:
        return processes.send(self.job.pid, self.job.start_ticks, number)


def _close_record(lock_path: str, run: RunDir, number: int, job: JobRecord, by: str, forced: bool) -> None:
    """Record the end of an attempt whose supervisor was killed: with its lock in hand we are the only writer."""
    if processes.prove(job).alive or processes.family(job.nonce):
        return
    with WorkerLock(lock_path) as lock:
        if not lock.take() or parts.read_part(run.attempt(number).exit) is not None:
            return
        outcome = Outcome(State.STOPPED, None, f"by {by} (its supervisor was gone)" if by else "stopped", by)
        write_exit(run.attempt(number), outcome.record(job.attempt, forced=forced))
