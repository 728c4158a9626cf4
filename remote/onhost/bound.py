"""A child that is bound to us, as we are to our parent: nobody of the chain outlives the one above.

A process that starts others in sessions of their own (torchrun its ranks, Slurm its tasks) may be killed without a
chance to end them. Linux tells a child of its parent's death (prctl(2), PR_SET_PDEATHSIG); elsewhere the supervisor's
sweep ends what is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import Callable, List, Optional

PR_SET_PDEATHSIG = 1
ENDING = (signal.SIGTERM, signal.SIGINT)


def die_with_parent(number: int) -> None:
    """Get this signal when our parent ends."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


class Bound:
    """Runs one child to its end. The first TERM or INT that comes goes on to it, and no other.

    The child leads a session of its own, so that a signal to our group does not reach it a second time.
    """

    def __init__(self) -> None:
        self.asked = False
        """Somebody told us to end."""
        self._child: Optional["subprocess.Popen[bytes]"] = None
        parent = os.getppid()
        for number in ENDING:
            signal.signal(number, self._caught)
        # Not caught, so that who looks for those that listen finds our child behind us.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            self.asked = True  # it went before it could tell

    def run(self, argv: List[str], started: Callable[[int], None]) -> int:
        """Run the command, tell its pid, and return its return code, negative for a signal. Raises OSError."""
        # What comes while the child is being made waits, and then goes on to it.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            if self.asked:
                return -signal.SIGTERM
            self._child = child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_bind
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        started(child.pid)
        return child.wait()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask the child to end, if nobody has yet."""
        asked, self.asked = self.asked, True
        if not asked and self._child is not None:
            self._child.send_signal(number)

    def _caught(self, number: int, frame: Optional[FrameType]) -> None:
        self.end(number)


def _bind() -> None:
    """In the child, before it becomes the command."""
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    die_with_parent(signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
