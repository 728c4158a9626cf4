"""A command for somebody who watches it: its output as it comes, and an end of all of it when nobody is there any more.

The laptop holds our standard input open for as long as it wants the answer. When that ends (it let go, or the
connection broke) the command is ended with everything that it started, wherever that moved to.
"""

from __future__ import annotations

import codecs
import os
import secrets
import select
import signal
import subprocess
import time
from typing import Callable, Dict, List, Optional, Tuple

from remote.onhost import processes

LOOK_S = 0.2
"""How often a command that says nothing is looked at."""
GRACE_S = 3.0
PIECE_BYTES = 32 * 1024
PIPE_BYTES = 64 * 1024
"""The most that a pipe holds: what comes beyond that after the end was printed by something that it left behind."""


def run_guarded(
    argv: List[str], cwd: str, environment: Dict[str, str], tell: Callable[[str], None], held: Tuple[int, ...] = ()
) -> Optional[int]:
    """Run a command to its end and return its exit code as a shell says it; None if standard input ended before.

    `held` are locks that it has for as long as it lives. Raises OSError if it cannot be run, or if nobody reads.
    """
    # A hang-up comes with the end of our input where a server sends one, and would end us before the command.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    nonce = "guarded-" + secrets.token_hex(8)
    output, write = os.pipe()
    try:
        child = subprocess.Popen(
            argv, cwd=cwd, env={**environment, processes.MARKER: nonce}, stdin=subprocess.DEVNULL, stdout=write,
            stderr=write, pass_fds=held, start_new_session=True,
        )  # fmt: skip
    except OSError:
        os.close(output)
        raise
    finally:
        os.close(write)
    try:
        return _attend(child, output, tell)
    finally:
        os.close(output)
        _end(child, nonce)


def _attend(child: "subprocess.Popen[bytes]", output: int, tell: Callable[[str], None]) -> Optional[int]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    sources, left = [0, output], PIPE_BYTES
    while True:
        ended = child.poll() is not None
        ready = select.select(sources, [], [], 0 if ended else LOOK_S)[0]
        if 0 in ready and not os.read(0, PIECE_BYTES):
            return None
        if output in ready:
            data = os.read(output, PIECE_BYTES)
            if data:
                tell(decoder.decode(data))
                left -= len(data) if ended else 0
            else:
                sources = [0]  # it closed its output, and may work on
        if ended and (output not in ready or left <= 0):
            return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end(child: "subprocess.Popen[bytes]", nonce: str) -> None:
    """End the command and whatever it left: TERM, a moment, KILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until:
            child.poll()
            family = processes.family(nonce)
            if not family:
                return
            for pid, ticks in family.items():
                processes.send(pid, ticks, number)
            time.sleep(0.05)
