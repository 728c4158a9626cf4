"""How an attempt is brought to its end by its supervisor.

TERM goes to the work alone at first: to hit a data loader's helpers meanwhile would crash a trainer in the middle of
its checkpoint. Everything else of ours gets TERM when the work has ended or half the grace is over (a shell may not
have passed it on), and KILL at the end of the grace.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Callable, Dict, List, Set

from remote.onhost import processes

SWEEP_S = 2.0
"""Grace for processes that the work left behind when it ended by itself; also the patience after a KILL."""


class Ending:
    """The processes of one attempt, other than the supervisor itself, on their way out."""

    def __init__(self, nonce: str, helpers: Callable[[], Set[int]] = set) -> None:
        self._nonce, self._helpers = nonce, helpers
        self.begun = False
        """TERM came: the attempt is ending."""
        self.forced = False
        """The grace ran out and KILL was needed."""
        self._spread = False
        self._spread_at = self._deadline = 0.0

    def begin(self, grace_s: float) -> None:
        """Start the clock; the caller has passed TERM on to the work."""
        self.begun = True
        now = time.monotonic()
        self._spread_at, self._deadline = now + grace_s / 2, now + grace_s

    def due_s(self) -> float:
        """Return the seconds until `act` has something to do, a long time if never."""
        if not self.begun or self.forced:
            return 3600.0
        return max(0.0, (self._deadline if self._spread else self._spread_at) - time.monotonic())

    def act(self) -> None:
        """Do what is due: TERM for everything, later KILL for everything."""
        now = time.monotonic()
        if self.begun and not self._spread and now >= self._spread_at:
            self._term_all()
        if self.begun and not self.forced and now >= self._deadline:
            self.forced = True
            self.kill()

    def others(self) -> Dict[int, int]:
        """Return pid -> start time of all processes of the attempt but ourselves and our own helpers."""
        found = processes.family(self._nonce)
        for pid in (os.getpid(), *self._helpers()):
            found.pop(pid, None)
        return found

    def kill(self) -> None:
        for pid, ticks in self.others().items():
            processes.send(pid, ticks, signal.SIGKILL)

    def sweep(self, left_behind: Callable[[List[int]], None], attend: Callable[[float], None]) -> None:
        """End what the work left behind: a rank in its own session would hold the GPU, and refuse the next launch.

        `left_behind` hears of it once; `attend` is how to wait (signals may come meanwhile).
        """
        left = self.others()
        if not left:
            return
        left_behind(sorted(left))
        if not self._spread:
            self._term_all()
        gentle_until = self._deadline if self.begun else time.monotonic() + SWEEP_S
        give_up_at = max(gentle_until, time.monotonic()) + SWEEP_S
        while self.others() and time.monotonic() < give_up_at:
            attend(0.05)
            if time.monotonic() >= gentle_until:
                self.forced = self.forced or self.begun
                self.kill()
        self._spread = self.begun

    def _term_all(self) -> None:
        self._spread = True
        for pid, ticks in self.others().items():
            processes.send(pid, ticks, signal.SIGTERM)
            processes.send(pid, ticks, signal.SIGCONT)  # a halted process would not hear it
