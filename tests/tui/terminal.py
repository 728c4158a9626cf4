"""A real pseudo-terminal with the app in it: keys in, bytes out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0


class Terminal:
    """Runs tests/tui/pty_app.py on a pty of `columns` x `lines`; use as a context manager."""

    def __init__(self, *argv: str, columns: int = 120, lines: int = 40, **env: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        more = {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tui.pty_app", *argv],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env={**kept, **more, **env},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
        )  # fmt: skip
        os.close(slave)
        self.seen = b""
        self.open = True

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WITHIN_S)
        self.hang_up()

    def hang_up(self) -> None:
        """Close our end: what happens when the window is closed or the connection breaks."""
        if self.open:
            os.close(self.master)
            self.open = False

    def read(self, until: bytes, *, since: int = 0) -> bytes:
        """Read until `until` has appeared after position `since`; returns all bytes so far.

        The app sends only what changed, so what stood there before may not come again: after a while it is asked to
        draw everything.
        """
        deadline, asked = time.monotonic() + WITHIN_S, False
        while until not in self.seen[since:]:
            left = deadline - time.monotonic()
            if left < WITHIN_S * 2 / 3 and not asked:
                asked = True
                self.draw_anew()
            told = self._more(1.0)
            assert told or (left > 0 and self.process.poll() is None), (
                f"{until!r} did not appear in {self.seen[-1500:]!r}"
            )
        return self.seen

    def draw_anew(self) -> None:
        """Have the whole screen sent again, as a window does that changes its size and back."""
        rows, columns, *_ = struct.unpack("HHHH", fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)))
        for lines in (rows - 1, rows):
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            self._more(1.0)

    def drain(self) -> bytes:
        """Read to the end of the program's output."""
        deadline = time.monotonic() + WITHIN_S
        while self._more(deadline - time.monotonic()):
            pass
        return self.seen

    def _more(self, within_s: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, within_s))
        try:
            data = os.read(self.master, 65536) if ready else b""
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())
