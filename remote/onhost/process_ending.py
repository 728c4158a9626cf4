"""The processes of one attempt on their way out, ended from beside its supervisor."""

from __future__ import annotations

import signal
import time
from typing import Callable, Dict, List, Optional

from remote.onhost import parts, processes
from wire.records import JobRecord
from wire.run_dir import RunDir
from wire.state import State

LOOK_S = 0.05
"""Pause between two looks at the process table."""

SLACK_S = 2.0
"""What the supervisor gets beyond the grace for its own KILL and its exit record."""

DEAF_S = 2.0
"""A supervisor that has not noted the request after this long (it may hang in a write) is helped from here."""


class ProcessEnding:
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

    def left(self) -> List[int]:
        return sorted(self.everything())

    def trouble(self) -> str:
        return ""

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
