"""Asking Slurm: its tools run with a limit of time, and what they last said of our jobs.

With the controller down a call hangs for many seconds and fails: that says nothing about the jobs, so an answer that
does not come is `Queue.trouble` beside the last one, never news.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Dict, Mapping, Optional, Sequence, Set

from remote.onhost import slurm

PATIENCE_S = 5.0
"""How long a tool of Slurm's may take; its own limit with a dead controller is about 9 s."""
FIRST_S = 1.0
"""How long the follower waits for its first answer (a good one takes 15 ms)."""
POLL_S = 10.0
"""How often the follower asks, for all runs at once and while any of them is a job that has not ended."""
STRANGE = ("SLURM_", "SQUEUE_", "SINFO_", "SCANCEL_")
"""How variables begin that describe the job that we may be in ourselves, or are a person's filters: SQUEUE_PARTITION
would hide jobs from us. Those of `sbatch` are its user's defaults, and count."""


@dataclass(frozen=True)
class Said:
    """What a tool said: `why` is '' if it did what it was asked for."""

    out: str = ""
    why: str = ""


def call(argv: Sequence[str], timeout_s: float = PATIENCE_S) -> Said:
    """Run one of Slurm's tools. Never raises for what goes wrong with it."""
    try:
        done = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, cwd="/",
            env=environment(), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Said(why=f"{argv[0]} did not answer within {timeout_s:g} s")
    except OSError as exc:
        return Said(why=f"{argv[0]}: {exc.strerror}")
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return Said(out) if done.returncode == 0 else Said(out, slurm.complaint(err) or f"{argv[0]}: {done.returncode}")


def environment() -> Dict[str, str]:
    """Return the environment of Slurm's tools, in which their options alone say what is asked."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(STRANGE) or key == "SLURM_CONF"}
    return {**kept, "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C"}


@dataclass(frozen=True)
class Queue:
    """What Slurm last said of all our jobs, and whether it answers now."""

    jobs: Mapping[str, slurm.Job] = field(default_factory=dict)
    asked_s: float = 0.0
    """When it was asked for this answer, by this host's clock; 0 = it never answered. A younger job may be missing."""
    trouble: str = ""
    """Why it does not answer now, '' if it does."""


def ask(before: Queue) -> Queue:
    """Ask for all our jobs; without an answer the one before stays, with the trouble."""
    asked_s = time.time()
    said = call(slurm.QUEUE)
    return replace(before, trouble=said.why) if said.why else Queue(slurm.queue(said.out), asked_s)


class Cluster:
    """Slurm as a verb sees it: asked when first needed, and again when the answer is older than `fresh_s`."""

    def __init__(self, fresh_s: float = 3600.0) -> None:
        self._fresh_s, self._queue, self._asked_at = fresh_s, Queue(), float("-inf")

    def queue(self) -> Queue:
        """Return what it says; waits for it at most `PATIENCE_S`."""
        if time.monotonic() - self._asked_at > self._fresh_s:
            self._queue = ask(self._queue)
            self._asked_at = time.monotonic()
        return self._queue


class FollowedCluster(Cluster):
    """Slurm as the follower sees it: asked on a thread, one call for all runs. Only the first answer is waited for."""

    def __init__(self) -> None:
        super().__init__(POLL_S)
        self._asking: Optional[threading.Thread] = None
        self._known: Set[str] = set()

    def queue(self) -> Queue:
        """Return the last answer. Whoever looks once at a host wants one."""
        if self._asking is None:
            self._begin().join(FIRST_S)
        last = self._queue
        return last if last.asked_s or last.trouble else replace(last, trouble="squeue has not answered yet")

    def attend(self, jobs: Set[str]) -> None:
        """Begin to ask if it is time to, or one of the jobs is new, unless an answer is on its way already."""
        due = time.monotonic() - self._asked_at > self._fresh_s or not jobs <= self._known
        if jobs and due and (self._asking is None or not self._asking.is_alive()):
            self._known = jobs
            self._begin()

    def _begin(self) -> threading.Thread:
        self._asked_at = time.monotonic()
        self._asking = threading.Thread(target=self._ask, name="slurm", daemon=True)
        self._asking.start()
        return self._asking

    def _ask(self) -> None:
        self._queue = ask(self._queue)
