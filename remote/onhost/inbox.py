"""Signals as something to wait for: handlers only note them, the main loop takes them one by one."""

from __future__ import annotations

import os
import select
import signal
from typing import Iterable, List, Optional


class Inbox:
    """Catches the given signals (and SIGCHLD, so that an ended child wakes the loop)."""

    descriptor: int
    """Readable while signals wait (for a poll of one's own)."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.descriptor, write = os.pipe()
        for descriptor in (self.descriptor, write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (*numbers, signal.SIGCHLD):
            # A handler is caught, not ignored: children get the default back at exec.
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_s: Optional[float]) -> List[int]:
        """Return the signals that came, at once or within `timeout_s` (None = for ever); [] if none did."""
        if not select.select([self.descriptor], [], [], timeout_s)[0]:
            return []
        try:
            return [number for number in os.read(self.descriptor, 4096) if number != signal.SIGCHLD]
        except BlockingIOError:
            return []
