"""How an attempt ended, and the record of it that a full disk cannot lose."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass, replace
from typing import Any, Dict, Optional

from wire.records import EXIT_BYTES, ExitRecord
from wire.run_dir import AttemptDir
from wire.state import State

REASON_MAX_CHARS = 300
PATIENCE_S, AGAIN_S = 30.0, 0.5
PASSING = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN})
"""A network disk that hiccups, a file system that copies on write and is full: it may pass."""


@dataclass(frozen=True)
class Outcome:
    """A final state, the exit code as a shell would say it (None if the work never started), and why."""

    state: State
    code: Optional[int]
    reason: str
    by: str = ""

    @classmethod
    def of(cls, returncode: int) -> "Outcome":
        """Judge the return code of a child (negative: killed by that signal)."""
        if returncode == 0:
            return cls(State.COMPLETED, 0, "")
        if returncode > 0:
            return cls(State.FAILED, returncode, f"exit code {returncode}")
        return cls(State.FAILED, 128 - returncode, f"killed by {_signal_name(-returncode)}")

    def as_stopped(self, wish: Optional[Dict[str, Any]], terminated: bool) -> "Outcome":
        """Return `stopped` if somebody wanted it: TERM reached us, or it failed while a stop request named it."""
        if not terminated and (wish is None or self.state is State.COMPLETED):
            return self
        by = str((wish or {}).get("by") or "")[:200]
        reason = f"by {by}" if wish else "by a TERM signal without a stop request (is the host shutting down?)"
        return replace(self, state=State.STOPPED, reason=reason, by=by)

    def record(self, attempt: str, **extra: Any) -> ExitRecord:
        """Return the outcome as the attempt's exit record, at this moment."""
        reason = self.reason[:REASON_MAX_CHARS]
        return ExitRecord(attempt, self.state.value, self.code, time.time(), reason, self.by, extra)


def write_exit(attempt: AttemptDir, record: ExitRecord, patience_s: float = PATIENCE_S) -> None:
    """Write the exit record into its pre-allocated bytes, in place: this needs no free space.

    A record that would not fit loses its extras, then the end of its texts. It is nowhere else, so a disk that fails
    is asked again for `patience_s` seconds. Raises OSError.
    """
    line = record.to_line()
    if len(line) > EXIT_BYTES:
        line = replace(record, extra={}).to_line()
    if len(line) > EXIT_BYTES:
        line = replace(record, extra={}, reason=_ascii(record.reason)[:200], by=_ascii(record.by)[:100]).to_line()
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            _write_in_place(attempt.exit, line[:-1].ljust(EXIT_BYTES - 1) + b"\n")
            return
        except OSError as exc:
            if exc.errno not in PASSING or time.monotonic() >= give_up_at:
                raise
        time.sleep(AGAIN_S)


def _write_in_place(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.pwrite(descriptor, data, 0) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ascii(text: str) -> str:
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "?" for char in text)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
