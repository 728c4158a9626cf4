"""`redact`: a filter between the work and its log that hides secrets which the work prints.

    work --(pipe)--> redact --> training.log

Only runs with secrets have one; `wire.hiding` says what it hides.
It ends when nobody can write to the pipe any more; TERM, INT and HUP do not hurt it.
"""

from __future__ import annotations

import os
import select
import signal
from typing import List

from wire.codec import decode
from wire.hiding import Hiding

QUIET_S = 0.2
"""After this long without output what may be the begin of a value is written, if it tells next to nothing of it."""

PIECE_BYTES = 64 * 1024


def redact(argv: List[str]) -> int:
    """Copy standard input to standard output until its end; the secrets come as one line on descriptor `argv[0]`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(int(argv[0]), "rb") as pipe:
        hiding = Hiding(decode(pipe.read()))
    while True:
        if hiding.waits and not select.select([0], [], [], QUIET_S)[0]:
            write(1, hiding.told())
            continue
        data = os.read(0, PIECE_BYTES)
        write(1, hiding.feed(data) if data else hiding.rest())
        if not data:
            return 0


def write(log: int, data: bytes) -> None:
    """Write what can be written; a full disk loses the log, and never stops the work."""
    while data:
        try:
            data = data[os.write(log, data) :]
        except OSError:
            return
