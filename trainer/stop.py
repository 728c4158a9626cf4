"""Signals as flags that the loop looks at between two batches: end after a checkpoint, or checkpoint and go on."""

from __future__ import annotations

import signal
from types import FrameType

from trainer.errors import Interrupted


class Stop:
    """TERM and Ctrl-C ask to end; USR1 asks for a checkpoint. Install it before the slow imports."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """Who asked us to end."""
        self.checkpoint_wanted = False

    def install(self) -> None:
        """Take over the signals of this process (main thread only)."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGUSR1, self._checkpoint)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)

    def _checkpoint(self, number: int, frame: FrameType | None) -> None:
        self.checkpoint_wanted = True

    def interrupted(self) -> Interrupted:
        """Return the error that ends the process with the exit code a shell would report."""
        number = self.signal or signal.SIGTERM
        return Interrupted(f"stopped by {signal.Signals(number).name}", 128 + number)

    def check(self) -> None:
        """Raise `Interrupted` if somebody asked us to end, where nothing needs saving."""
        if self.signal is not None:
            raise self.interrupted()
