"""The supervisor: one process a run, between the machine and any command, that cannot forget how it ended.

    record who we are -> answer the launch -> prepare (environment, setup) -> wait for our GPUs -> run the work (again,
    by policy) -> sweep leftovers -> write the exit record -> leave, which frees the worker's lock and the GPUs

TERM ends the attempt with a grace for a checkpoint, USR1 (a wish for a checkpoint, from a person or because the
machine will be taken away) is passed on to work that listens for it, HUP is ignored. Telemetry may fail without harm
to the work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, Optional

from remote.onhost import parts, processes
from remote.onhost.beats import Beats
from remote.onhost.collect import collect_at_end
from remote.onhost.ending import Ending
from remote.onhost.inbox import Inbox
from remote.onhost.outcome import Outcome, write_exit
from remote.onhost.providing import Providing
from remote.onhost.resources import Resources
from remote.onhost.saving import Saving
from remote.onhost.spawn import Claim
from remote.onhost.spot import Notice, Spot
from remote.onhost.tenure import Tenure
from remote.onhost.work import Work
from wire.records import Event, RunSpec
from wire.run_dir import append_line
from wire.state import State

BACK_OFF_MAX_S = 600.0


class Supervisor:
    """One attempt, from its job record to its exit record."""

    def __init__(
        self, claim: Claim, spec: RunSpec, secrets: Dict[str, str], lock: int, inbox: Inbox, tenure: Tenure
    ) -> None:
        self.claim, self.spec, self.run_dir = claim, spec, claim.run_dir
        self.inbox, self.tenure = inbox, tenure
        self.restarts = claim.restarts
        self.beats = Beats(self.run_dir, claim.attempt, max(0.05, spec.beat_interval_s))
        self.work = Work(claim, spec, secrets, lock)
        self.ending = Ending(claim.nonce, lambda: self.work.helpers)
        resources = tenure.left_to_get(Resources.from_dict(spec.resources))
        self.providing = Providing(claim, resources, self.beats, self.note, self._goes_on)
        self.spot = Spot(self._taken_away)
        self.saving = Saving(claim, spec.cwd, self.note)

    def run(self) -> None:
        """Do everything; whatever goes wrong on the way, an exit record is written."""
        log_bytes = os.path.getsize(self.run_dir.log) if os.path.exists(self.run_dir.log) else 0
        self.note("started", f"attempt {self.claim.number} of {self.claim.run}", pid=os.getpid(), log_bytes=log_bytes)
        self.beats.start()
        self.spot.start()
        self.tenure.start()
        self.saving.start()
        try:
            outcome = self._attempt()
            self.saving.close()
            self._sweep()
            self.work.drain()
            if not self.tenure.fenced:
                self._collect()
        except Exception as exc:
            self.ending.kill()
            self._finish(Outcome(State.FAILED, None, f"the supervisor failed: {type(exc).__name__}: {exc}"))
            raise
        self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
        self.tenure.close()
        if self.tenure.fenced:
            return
        wish = self._wish()
        outcome = self.tenure.ended(outcome.as_stopped(wish, self.ending.begun), self.restarts, wish is not None)
        self.note("ended", f"{outcome.state.value}: {outcome.reason}".rstrip(": "), code=outcome.code)
        self.spot.close()
        self.beats.close()
        last_line = parts.newest_line(self.run_dir.log)[:200]
        record = outcome.record(self.claim.attempt, forced=self.ending.forced, last_line=last_line)
        write_exit(self.run_dir.attempt(self.claim.number), record)

    def _attempt(self) -> Outcome:
        if self.spec.environment:
            outcome = self._child(State.PREPARING, self.work.start_preparation)
            if outcome.state is not State.COMPLETED or self.ending.begun:
                return outcome
            self.work.use_environment()
        if self.spec.setup:
            outcome = self._child(State.PREPARING, self.work.start_setup)
            if outcome.state is not State.COMPLETED or self.ending.begun:
                return outcome
            self._sweep()
        try:
            if not self.providing.provide(self.work):
                return Outcome(State.STOPPED, None, "")
        except OSError as exc:
            return Outcome(State.FAILED, None, f"cannot wait for a GPU here: {exc.strerror}: {exc.filename}")
        while True:
            outcome = self._child(State.RUNNING, self._start_work)
            if outcome.state is State.COMPLETED or outcome.code is None or self.ending.begun:
                return outcome
            if self._wish() or self.restarts >= self.spec.restart_limit:
                return outcome
            self.restarts += 1
            if not self._back_off(outcome):
                return outcome

    def _start_work(self) -> "subprocess.Popen[bytes]":
        child = self.work.start(self.restarts)
        self.providing.be_nice(child.pid)
        return child

    def _child(self, state: State, start: Callable[[], "subprocess.Popen[bytes]"]) -> Outcome:
        """Run one child of ours to its end, passing signals on meanwhile."""
        self._attend(0.0)  # a TERM may have come before there was anybody to pass it on to
        if self.ending.begun:
            return Outcome(State.STOPPED, None, "")
        try:
            child = start()
        except OSError as exc:
            return Outcome(State.FAILED, None, self.work.why_not_started(exc))
        self.beats.say(state, child.pid)
        while child.poll() is None:
            self._attend(self.work.look_s)
            self.work.attend()
            self._tell_news()
        self._tell_news()
        return self.work.outcome(child)

    def _back_off(self, outcome: Outcome) -> bool:
        """Wait before a restart, one beat interval at first and doubling; False if a stop came meanwhile."""
        self._sweep()
        pause_s = min(BACK_OFF_MAX_S, self.spec.beat_interval_s * 2 ** (self.restarts - 1))
        text = f"{outcome.reason}; restart {self.restarts} of {self.spec.restart_limit} in {pause_s:.0f} s"
        self.note("restarted", text, code=outcome.code)
        self.beats.say(State.STARTING)
        until = time.monotonic() + pause_s
        while not self.ending.begun and time.monotonic() < until:
            self._attend(until - time.monotonic())
        return not self.ending.begun

    def _attend(self, timeout_s: float) -> None:
        """Wait for a signal, an ended child or the next step of the ending, and act on it."""
        due_s = self.ending.due_s() if self.ending.begun else self.tenure.due_s()
        for number in self.inbox.wait(max(0.0, min(timeout_s, due_s))):
            if number == signal.SIGUSR1:
                self._checkpoint()
                self._warned()
            else:
                self._terminate(number)
        if not self.ending.begun and not self.tenure.due_s():
            self._terminate(signal.SIGTERM)
        was_forced = self.ending.forced
        self.ending.act()
        if self.ending.forced and not was_forced:
            self.work.kill_elsewhere()
            self.note("warning", "the work did not end within its grace: killed")

    def _tell_news(self) -> None:
        for kind, text, data in self.work.news():
            self.note(kind, text, **data)

    def _goes_on(self, timeout_s: float) -> bool:
        self._attend(timeout_s)
        return not self.ending.begun

    def _checkpoint(self) -> None:
        """Ask the work for a checkpoint; USR1 would end a process that does not listen for it."""
        if not self.work.pid or self.ending.begun:
            return
        if self.work.is_spread:
            self.work.signal(signal.SIGUSR1)  # who listens is known on each machine
            return
        listeners = processes.listeners(self.claim.nonce, self.work.pid, signal.SIGUSR1)
        for pid, ticks in listeners.items():
            processes.send(pid, ticks, signal.SIGUSR1)
        if not listeners:
            self.note("warning", "nobody of the work listens for USR1: no checkpoint was asked for")

    def _warned(self) -> None:
        """USR1 was Slurm's, about the time limit, if this is a job and it was not our own about a spot notice."""
        news = self.tenure.warned() if self.spot.notice is None else ""
        if news:
            self.note("time_limit", news)
            self.beats.remark(news)

    def _taken_away(self, notice: Notice) -> None:
        """The machine will go (called on a thread): ask for a checkpoint at once, say so, and end the work in time."""
        self.tenure.taken_away(notice)
        os.kill(os.getpid(), signal.SIGUSR1)
        self.note("spot", f"{notice.text}: asks for a checkpoint", action=notice.action, until_s=notice.at_s)
        self.beats.remark(notice.text)

    def _terminate(self, number: int) -> None:
        """Begin to end: TERM for the work, once, and a deadline."""
        if self.tenure.fenced:
            self.beats.close()
        elif self.ending.begun:
            return
        wish = self._wish() or {}
        grace_s = wish.get("grace_s")
        wanted_s = float(grace_s) if isinstance(grace_s, (int, float)) else self.spec.grace_s
        self.ending.begin(self.tenure.grace_s(wanted_s))
        self.work.signal(signal.SIGTERM)
        self.beats.say(State.STOPPING, self.work.pid)
        asked = f"by {wish['by']}" if wish.get("by") else self.tenure.reason or signal.Signals(number).name
        self.note("stop_requested", asked)

    def _sweep(self) -> None:
        self.saving.interrupt()
        self.ending.sweep(self._left_behind, self._attend)

    def _collect(self) -> None:
        """Keep what belongs to the results and lies in the worktree, before the next run may have it."""
        copied, left_out = collect_at_end(self.run_dir, self.spec)
        if left_out:
            self.note("warning", f"collected {copied} files of the worktree; {left_out} had to stay there")

    def _left_behind(self, pids: List[int]) -> None:
        self.note("warning", f"the work left {len(pids)} processes behind: ending them", pids=pids[:100])

    def _wish(self) -> Optional[Dict[str, Any]]:
        return parts.stop_wish(self.run_dir, self.claim.number)

    def note(self, kind: str, text: str, **data: Any) -> None:
        """Append an event; a full disk loses the line, never the run."""
        if self.tenure.fenced:
            return
        with contextlib.suppress(OSError):
            append_line(self.run_dir.events, Event(kind, time.time(), self.claim.attempt, text, data).to_line())
