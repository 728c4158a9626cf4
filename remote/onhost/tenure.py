"""How long an attempt may have its machine: until its owner takes it away, in a job until the time limit at most.

Both are known some time before. At once the work is asked for a checkpoint; in the middle between then and the limit it
is ended as by a stop, and if restarts are left, a job's next attempt is submitted to go on from there.

A job whose node was out of sight may find that a newer attempt, or another run, has its worker. Then it is fenced: it
ends its work and writes nothing more into the run's folder.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from dataclasses import replace
from typing import Optional

from remote.onhost import jobs, lock, parts
from remote.onhost.attempt import prepared
from remote.onhost.joining import own_job
from remote.onhost.outcome import Outcome
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources
from remote.onhost.spawn import Claim
from remote.onhost.spot import Notice
from remote.onhost.submission import lead_s
from wire.records import SPOT, RunSpec
from wire.run_dir import Root
from wire.state import State

WATCH_S = 2.0
"""How often a job looks for a wish to stop, and whether the worker is still its own."""
RECORD_S = 5.0
"""What is left of the time before the limit for the end's own records."""
NEVER_S = 3600.0
LIMIT = "Slurm's time limit"
SPOT_S = 120.0
"""How long before it takes a machine away Amazon says so."""
SPOT_ENDS = ("stop", "terminate")
"""What ends the work; `hibernate` is a pause."""


class Tenure:
    """Of a process on a host."""

    fenced = False
    """Somebody else has the worker."""

    def __init__(self) -> None:
        self._due_at: Optional[float] = None
        self._half_s, self._why, self._by = 0.0, "", ""

    def start(self) -> None:
        """Begin to look."""

    def close(self) -> None:
        """Look no more."""

    def warned(self) -> str:
        """USR1 came, from somebody else; return what that tells, '' if nothing new."""
        return ""

    def taken_away(self, notice: Notice) -> None:
        """The machine's owner will have it back (called on a thread)."""
        if notice.action in SPOT_ENDS:
            left_s = notice.at_s - time.time()
            # Out of this range the clock is wrong, and the notice is new.
            self._limit(left_s if 0 < left_s < SPOT_S else SPOT_S, f"spot: {notice.text}", SPOT)

    def _limit(self, left_s: float, why: str, by: str = "") -> None:
        """The machine is ours for so long: the first half is for a checkpoint, the second for the end."""
        due_at = time.monotonic() + left_s / 2
        if self._due_at is None or due_at < self._due_at:
            self._half_s, self._why, self._by, self._due_at = left_s / 2, why, by, due_at

    def due_s(self) -> float:
        """Return the seconds until the work must be ended."""
        return NEVER_S if self._due_at is None else max(0.0, self._due_at - time.monotonic())

    @property
    def reason(self) -> str:
        """Why the work must end by now, '' if it need not."""
        return self._why if self._due_at is not None and time.monotonic() >= self._due_at else ""

    def grace_s(self, wanted_s: float) -> float:
        """Return how much of the grace there is time for."""
        return min(wanted_s, max(1.0, self._half_s - RECORD_S)) if self.reason else wanted_s

    def left_to_get(self, wish: Resources) -> Resources:
        """Return what of the wish is not given yet."""
        return wish

    def ended(self, outcome: Outcome, restarts: int, wished: bool) -> Outcome:
        """Return how the attempt ended in the light of what is known here, and see to it that it goes on if it may.

        `wished`: somebody asked it to stop.
        """
        limited = self.reason and not wished and outcome.state is State.STOPPED
        return replace(outcome, reason=self.reason, by=self._by) if limited else outcome


class JobTenure(Tenure):
    """Of a Slurm job; `held` is the worker's lock."""

    def __init__(self, claim: Claim, spec: RunSpec, held: int) -> None:
        super().__init__()
        self._claim, self._spec, self._held = claim, spec, held
        self._asked = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tenure", daemon=True)

    def start(self) -> None:
        self._look()  # it may have been stopped while it waited, by somebody who could not cancel it
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        # What follows is written, and perhaps submitted: the last look may be as old as a sleep of this machine.
        self.fenced = self.fenced or self._is_overtaken()

    def warned(self) -> str:
        if self._due_at is not None:
            return ""
        self._limit(lead_s(self._spec), LIMIT)
        return f"{LIMIT} is near: asks for a checkpoint, and ends the work in {self._half_s:.0f} s"

    def grace_s(self, wanted_s: float) -> float:
        return 0.0 if self.fenced else super().grace_s(wanted_s)

    def left_to_get(self, wish: Resources) -> Resources:
        """GPUs and memory come from Slurm; who sees no GPU by its own wish shall still see none."""
        return replace(wish, gpu=(), gpus=0, stagger_s=0.0, memory_mib=0)

    def ended(self, outcome: Outcome, restarts: int, wished: bool) -> Outcome:
        if wished or outcome.state is not State.STOPPED:
            return outcome
        if not self.reason:
            return replace(outcome, reason="by a TERM signal without a stop request (scancel, or preempted by Slurm?)")
        goes_on = f"; {self._next(restarts + 1)}" if restarts < self._spec.restart_limit else ""
        return replace(outcome, reason=self.reason + goes_on, by=self._by)

    def _next(self, restarts: int) -> str:
        """Submit the attempt that goes on from the checkpoint, and say so."""
        number = self._claim.number + 1
        claim = replace(self._claim, number=number, nonce=secrets.token_hex(8), restarts=restarts)
        try:
            with prepared(claim.run_dir, number, self._spec, resume=True):
                job = jobs.submit(claim, self._spec, self._held, self._patience_s())
        except (OSError, Refusal) as exc:
            return f"the next attempt could not be submitted: {exc}"
        return f"goes on as attempt {number} (job {job})"

    def _patience_s(self) -> float:
        """How long Slurm may say nothing: a job that is killed meanwhile would leave no exit record."""
        left_s = 0.0 if self._due_at is None else self._due_at + self._half_s - time.monotonic()
        return min(jobs.GIVE_UP_S, max(RECORD_S, left_s - RECORD_S))

    def _watch(self) -> None:
        while not self.fenced and not self._closed.wait(WATCH_S):
            self._look()

    def _look(self) -> None:
        """End the work if somebody wishes so, once, or has the worker instead of us."""
        self.fenced = self._is_overtaken()
        if self.fenced or (not self._asked and parts.stop_wish(self._claim.run_dir, self._claim.number)):
            os.kill(os.getpid(), signal.SIGTERM)
            self._asked = True

    def _is_overtaken(self) -> bool:
        """True if there is a newer attempt, another job for this one, or another run of the worker."""
        claim, job = self._claim, parts.job_of(self._claim.run_dir, self._claim.number)
        if parts.newest_attempt(claim.run_dir) > claim.number:
            return True
        if job is not None and (job.nonce, job.cluster_job) != (claim.nonce, own_job()):
            return True
        named = lock.holder(Root(claim.root).worker_lock(claim.project, claim.worker)) or {}
        return named.get("attempt", claim.attempt) != claim.attempt
