"""One rank: a process that torchrun started, with the command behind it and a record of how it ended.

What a rank's death leaves behind is otherwise one line of torchrun's log, without the machine. The record is written
by a process of our own, so that also SIGKILL for the rank leaves one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import socket
import time
from typing import Any, Dict, List, Tuple

from remote.onhost.bound import Bound
from remote.onhost.outcome import Outcome
from remote.onhost.ranks import RankRecord, record_name
from wire.run_dir import replace_file
from wire.state import State

NOT_FOUND = 127
"""Exit code of a shell for a command that cannot be run."""


def rank(argv: List[str]) -> int:
    """`rank FOLDER COMMAND...`: run the command as the rank that torchrun's variables name; records go to FOLDER."""
    folder, command = argv[0], argv[1:]
    bound = Bound()
    own = _Own(folder)
    try:
        outcome = Outcome.of(bound.run(command, own.begin))
    except OSError as exc:
        outcome = Outcome(State.FAILED, NOT_FOUND, f"cannot run {command[0]}: {exc.strerror}")
    own.end(outcome, bound.asked)
    return outcome.code or 0


def node_name() -> str:
    """Name of this machine, within a cluster as its scheduler says it."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


class _Own:
    """Our records. One that cannot be written harms nobody."""

    def __init__(self, folder: str) -> None:
        number, world = _variable("RANK"), _variable("WORLD_SIZE")
        self._record = RankRecord(number, world, node_name(), 0, time.time())
        self._start, self._end = _free_names(folder, _variable("TRAJVID_RESTARTS"), number)

    def begin(self, pid: int) -> None:
        self._record = dataclasses.replace(self._record, pid=pid)
        _write(self._start, self._record.to_line())

    def end(self, outcome: Outcome, asked: bool) -> None:
        ended: Dict[str, Any] = {"at_s": time.time(), "code": outcome.code, "reason": outcome.reason, "asked": asked}
        _write(self._end, dataclasses.replace(self._record, **ended).to_line())


def _write(path: str, content: bytes) -> None:
    with contextlib.suppress(OSError):
        replace_file(path, content)


def _free_names(folder: str, restarts: int, number: int) -> Tuple[str, str]:
    """Return the files of this start of a rank: torchrun starts all of them anew, and counts on each machine apart."""
    for generation in itertools.count():
        start, end = (
            os.path.join(folder, record_name(restarts, generation, number, kind)) for kind in ("start", "end")
        )
        if not (os.path.exists(start) or os.path.exists(end)):
            return start, end
    raise AssertionError("there are enough numbers")


def _variable(name: str) -> int:
    value = os.environ.get(name, "0")
    return int(value) if value.isdigit() else 0
