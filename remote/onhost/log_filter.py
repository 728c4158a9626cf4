"""The process that hides secrets between the work and its log (`remote.onhost.redact`), started and watched.

The supervisor holds the pipe's reading end too: a filter that is killed is started anew and loses nothing but what it
held at that moment, and the work does not notice.
"""

from __future__ import annotations

import os
import subprocess
from typing import BinaryIO, Callable, Dict, Optional, Set

from wire.codec import encode


class LogFilter:
    """One filter for one child of the supervisor; `opened` opens the log."""

    def __init__(self, secrets: Dict[str, str], opened: Callable[[], BinaryIO]) -> None:
        self._secrets, self._opened = secrets, opened
        self._read, self.write = os.pipe()
        """`write` is for the child's output; `close_write` once it has it."""
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self.revive()

    @property
    def pids(self) -> Set[int]:
        """Our process: it ends by itself, after everybody who writes to it."""
        return {self._process.pid} if self._process is not None and self._process.poll() is None else set()

    def close_write(self) -> None:
        if self.write >= 0:
            os.close(self.write)
            self.write = -1

    def revive(self) -> None:
        """Start the filter if it does not run."""
        from remote.onhost.__main__ import verb_argv

        if self.pids:
            return
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
        os.close(self._read)
        if self._process is None:
            return
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
