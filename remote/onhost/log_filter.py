"""The process that hides secrets between the work and its log (`remote.onhost.redact`), started and watched.

The supervisor holds the pipe's reading end too: a filter that is killed is started anew and loses nothing but what it
held at that moment, and the work does not notice. One that is killed at the end is not needed any more: the supervisor
itself hides what still lies in the pipe.
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import BinaryIO, Callable, Dict, Optional, Set

from remote.onhost.redact import PIECE_BYTES, write
from wire.codec import encode
from wire.hiding import Hiding

REVIVE_AFTER_S = 0.5
"""One that dies at once, always, must not keep a processor busy with starts."""

PIPE_MAX_BYTES = 1024 * 1024
"""The most that an unprivileged process may have in a pipe (pipe(7))."""


class LogFilter:
    """One filter for one child of the supervisor; `opened` opens the log."""

    def __init__(self, secrets: Dict[str, str], opened: Callable[[], BinaryIO]) -> None:
        self._secrets, self._opened = secrets, opened
        self._read, self.write = os.pipe()
        """`write` is for the child's output; `close_write` once it has it."""
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self._started_at = -REVIVE_AFTER_S
        try:
            self.revive()
        except OSError:
            self.close_write()
            os.close(self._read)
            raise

    @property
    def pids(self) -> Set[int]:
        """Our process: it ends by itself, after everybody who writes to it."""
        return {self._process.pid} if self._process is not None and self._process.poll() is None else set()

    def close_write(self) -> None:
        if self.write >= 0:
            os.close(self.write)
            self.write = -1

    def revive(self) -> None:
        """Start the filter if it does not run. Raises OSError."""
        from remote.onhost.__main__ import verb_argv

        if self.pids:
            return
        time.sleep(max(0.0, self._started_at + REVIVE_AFTER_S - time.monotonic()))
        self._started_at = time.monotonic()
        read, write = os.pipe()
        try:
            with self._opened() as log:
                self._process = subprocess.Popen(
                    verb_argv("redact", str(read)), stdin=self._read, stdout=log, stderr=subprocess.DEVNULL,
                    pass_fds=(read,), start_new_session=True,
                )  # fmt: skip
        finally:
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                try:
                    pipe.write(encode(self._secrets))
                    pipe.flush()
                except BrokenPipeError:
                    pass

    def drain(self, timeout_s: float) -> None:
        """Wait until everything that was written is in the log, but at most `timeout_s`."""
        self.close_write()
        if not self._ended_well(timeout_s):
            self._take_over()
        os.close(self._read)

    def _ended_well(self, timeout_s: float) -> bool:
        """Wait for the filter's end; one that is late is killed."""
        if self._process is None:
            return False
        try:
            return self._process.wait(timeout_s) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def _take_over(self) -> None:
        """Hide and write what lies in the pipe now; somebody who escaped us may write for ever."""
        os.set_blocking(self._read, False)
        hiding = Hiding(self._secrets)
        with self._opened() as log:
            for _ in range(PIPE_MAX_BYTES // PIECE_BYTES):
                try:
                    data = os.read(self._read, PIECE_BYTES)
                except BlockingIOError:
                    break
                if not data:
                    break
                write(log.fileno(), hiding.feed(data))
            write(log.fileno(), hiding.rest())
