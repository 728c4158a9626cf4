"""What the preparation says of itself: progress.json in phase `prepare`, as the work will write it later."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Optional, Protocol

from remote.onhost import parts
from remote.onhost.spawn import Claim
from wire.records import Progress
from wire.run_dir import replace_file
from wire.state import Phase

INTERVAL_S = 0.5


class Telling(Protocol):
    """Whoever makes an environment says how far it is."""

    def say(self, message: str, done: int = 0, total: int = 0, left_s: Optional[float] = None) -> None: ...
    def done(self) -> None: ...


class Preparing:
    """Writes the preparation's progress: at once when the message changes in kind, else every half second."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        seq = (parts.read_part(claim.run_dir.progress) or {}).get("seq")
        self._seq = seq if isinstance(seq, int) else 0
        self._said, self._said_at = "", -INTERVAL_S

    def say(self, message: str, done: int = 0, total: int = 0, left_s: Optional[float] = None) -> None:
        """Report where we are; a full disk loses the report."""
        now = time.monotonic()
        same_kind = message.split()[:2] == self._said.split()[:2]
        if message == self._said or (same_kind and now - self._said_at < INTERVAL_S):
            return
        self._said, self._said_at = message, now
        self._seq += 1
        progress = Progress(
            self._claim.attempt, self._seq, time.time(), Phase.PREPARE.value,
            step=done, total_steps=total, eta_s=left_s, message=message,
        )  # fmt: skip
        with contextlib.suppress(OSError):
            replace_file(self._claim.run_dir.progress, progress.to_line())

    def done(self) -> None:
        """Take the report away: what follows may report nothing, and must not look as if it went on preparing."""
        if self._said:
            with contextlib.suppress(OSError):
                os.unlink(self._claim.run_dir.progress)
