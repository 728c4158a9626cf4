"""A program in a real pseudo-terminal, and what its threads waited for: a core that somebody else had."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.supervised import cpu_s

ROOT = Path(__file__).parents[1]
COLUMNS, LINES = 160, 50
WITHIN_S = 60.0
KEPT_BYTES = 262144
PAINTED_CHARACTERS = 20
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P^_].*?(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b.", re.DOTALL)
_WHOLE_SCREEN = b"\x1b[?1049h"


def waited_s(pid: int) -> float:
    """Seconds that the threads of a process were ready to run and had no core (proc(5), schedstat)."""
    seconds = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            seconds += int((task / "schedstat").read_text().split()[1]) / 1e9
    return seconds


def printed(output: bytes) -> bytes:
    """What a program painted, without its escape sequences."""
    return _ESCAPES.sub(b"", output)


def has_painted(output: bytes) -> bool:
    """True once a program has taken the whole screen and a frame with some text is on it."""
    _, taken, after = output.partition(_WHOLE_SCREEN)
    return bool(taken) and len(b"".join(printed(after).split())) >= PAINTED_CHARACTERS


class Terminal:
    """Runs `argv` in a pseudo-terminal; kills it at the end."""

    def __init__(self, argv: Sequence[str], cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        more = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **(env or {})}
        self._process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env={**kept, **more}, start_new_session=True
        )
        os.close(slave)
        self.pid = self._process.pid
        self.seen = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def read_until(self, ready: Callable[[], bool], within_s: float = WITHIN_S) -> bool:
        """Take what the program paints until `ready` holds; False if that was not in time."""
        deadline = time.monotonic() + within_s
        while not ready():
            if time.monotonic() > deadline:
                return False
            if select.select([self._master], [], [], 0.02)[0]:
                try:
                    self.seen = (self.seen + os.read(self._master, 65536))[-KEPT_BYTES:]
                except OSError as exc:
                    raise RuntimeError(f"the program ended: {self.seen[-500:]!r}") from exc
        return True

    def read_for(self, seconds: float) -> None:
        """Take what the program paints for so long."""
        until = time.monotonic() + seconds
        self.read_until(lambda: time.monotonic() > until)

    def press(self, key: str) -> None:
        """Send what the terminal sends for a key."""
        os.write(self._master, key.encode())

    def key_ms(self, key: str, text: str) -> tuple[float, float]:
        """Milliseconds from pressing `key` until `text` was painted: (on the clock, without waits for a core).

        The waits of all threads on the key's way are taken off; what is left is never less than the program's CPU.
        """
        self.seen = b""
        begun, cpu, waited = time.perf_counter(), cpu_s(self.pid), waited_s(self.pid) + waited_s(os.getpid())
        self.press(key)
        if not self.read_until(lambda: text.encode() in printed(self.seen)):
            raise RuntimeError(f"{text!r} was not painted after {key!r}; a board needs 20 workers or more here")
        took = time.perf_counter() - begun
        own = took - (waited_s(self.pid) + waited_s(os.getpid()) - waited)
        return took * 1e3, max(own, cpu_s(self.pid) - cpu) * 1e3
