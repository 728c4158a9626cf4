"""`guard`: run a command that dies with the connection.

Cancelling an SSH channel leaves the remote process alive and its session slot taken. So the command runs in a session
of its own, and we kill all of it when the other end is gone: at the EOF of our stdin, or, with `--input` (the command
needs stdin itself: git and rsync), when our output has no reader any more, at a HUP, or when our parent changes.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import List

from remote.onhost.inbox import Inbox

LOOK_S = 1.0
"""How often the parent is checked."""

TERM_S = 2.0
"""Time between TERM and KILL."""

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def guard(argv: List[str]) -> int:
    """Run `argv` (after an optional `--input`) and return its exit code as a shell would say it."""
    takes_input = argv[:1] == ["--input"]
    command = argv[1:] if takes_input else argv
    if command[:1] == ["--"]:
        command = command[1:]
    parent = os.getppid()
    inbox = Inbox(_PASSED_ON)
    stdin = None if takes_input else subprocess.DEVNULL
    try:
        child = subprocess.Popen(command, stdin=stdin, start_new_session=True)
    except (OSError, IndexError) as exc:
        print(f"guard: cannot run {command[:1]}: {exc}", file=sys.stderr)
        return 127
    poll = select.poll()
    poll.register(inbox.descriptor, select.POLLIN)
    # No event is asked for on stdout: an error condition is all that we want to hear of.
    poll.register(1, 0)
    if takes_input:
        os.close(0)  # the command's alone now
    else:
        poll.register(0, select.POLLIN)
    while child.poll() is None:
        ready = dict(poll.poll(LOOK_S * 1000))
        if inbox.wait(0) or 1 in ready or os.getppid() != parent or (0 in ready and not os.read(0, 65536)):
            _end(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end(child: "subprocess.Popen[bytes]") -> None:
    """TERM for the command's whole group, then KILL for what is left of it."""
    _signal_group(child.pid, signal.SIGTERM)
    until = time.monotonic() + TERM_S
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass
