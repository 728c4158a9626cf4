"""How long an attempt may have its machine: on a host as long as it likes, in a job until the time limit.

Slurm sends USR1 some time before its limit. That asks for a checkpoint; in the middle between then and the limit the
work is ended as by a stop, and if restarts are left, the next attempt is submitted to go on from there.

A job whose node was out of sight may find that a newer attempt has taken over. Then it is fenced: it ends its work and
writes nothing more into the run's folder.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from dataclasses import replace
from typing import Optional

from remote.onhost import jobs, parts
from remote.onhost.attempt import prepared
from remote.onhost.outcome import Outcome
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources
from remote.onhost.spawn import Claim
from remote.onhost.submission import lead_s
from wire.records import RunSpec
from wire.state import State

WATCH_S = 2.0
"""How often a job looks for a wish to stop, and for a newer attempt."""
RECORD_S = 5.0
"""What is left of the time before the limit for the end's own records."""
NEVER_S = 3600.0


class Tenure:
    """Of a process on a host."""

    fenced = False
    """A newer attempt has taken over."""

    def start(self) -> None:
        """Begin to look."""

    def close(self) -> None:
        """Look no more."""

    def warned(self) -> None:
        """USR1 came."""

    def due_s(self) -> float:
        """Return the seconds until the work must be ended."""
        return NEVER_S

    def grace_s(self, wanted_s: float) -> float:
        """Return how much of the grace there is time for."""
        return wanted_s

    def left_to_get(self, wish: Resources) -> Resources:
        """Return what of the wish is not given yet."""
        return wish

    def ended(self, outcome: Outcome, restarts: int, wished: bool) -> Outcome:
        """Return how the attempt ended in the light of what is known here, and see to it that it goes on if it may.

        `wished`: somebody asked it to stop.
        """
        return outcome


class JobTenure(Tenure):
    """Of a Slurm job; `lock` is the worker's, held."""

    def __init__(self, claim: Claim, spec: RunSpec, lock: int) -> None:
        self._claim, self._spec, self._lock = claim, spec, lock
        self._half_s = lead_s(spec) / 2
        self._due_at: Optional[float] = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tenure", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def warned(self) -> None:
        if self._due_at is None:
            self._due_at = time.monotonic() + self._half_s

    def due_s(self) -> float:
        return NEVER_S if self._due_at is None else max(0.0, self._due_at - time.monotonic())

    @property
    def _at_limit(self) -> bool:
        return self._due_at is not None and time.monotonic() >= self._due_at

    def grace_s(self, wanted_s: float) -> float:
        if self.fenced:
            return 0.0
        return min(wanted_s, max(1.0, self._half_s - RECORD_S)) if self._at_limit else wanted_s

    def left_to_get(self, wish: Resources) -> Resources:
        """GPUs and memory come from Slurm; who sees no GPU by its own wish shall still see none."""
        return replace(wish, gpu=(), gpus=0, stagger_s=0.0, memory_mib=0)

    def ended(self, outcome: Outcome, restarts: int, wished: bool) -> Outcome:
        if wished or outcome.state is not State.STOPPED:
            return outcome
        if not self._at_limit:
            return replace(outcome, reason="by a TERM signal without a stop request (scancel, or preempted by Slurm?)")
        reason = "Slurm's time limit"
        if restarts < self._spec.restart_limit:
            reason += f"; {self._next(restarts + 1)}"
        return replace(outcome, reason=reason)

    def _next(self, restarts: int) -> str:
        """Submit the attempt that goes on from the checkpoint, and say so."""
        number = self._claim.number + 1
        claim = replace(self._claim, number=number, nonce=secrets.token_hex(8), restarts=restarts)
        try:
            with prepared(claim.run_dir, number, self._spec, resume=True):
                job = jobs.submit(claim, self._spec, self._lock)
        except (OSError, Refusal) as exc:
            return f"the next attempt could not be submitted: {exc}"
        return f"goes on as attempt {number} (job {job})"

    def _watch(self) -> None:
        asked = False
        while not self._closed.wait(WATCH_S):
            self.fenced = parts.newest_attempt(self._claim.run_dir) > self._claim.number
            if self.fenced or (not asked and parts.stop_wish(self._claim.run_dir, self._claim.number)):
                os.kill(os.getpid(), signal.SIGTERM)
                asked = True
            if self.fenced:
                return
