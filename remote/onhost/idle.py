"""What uses this machine now, and since when nothing has: runs, people, programs on its GPUs, work of others.

What was seen is written down for whoever looks next, on the clock that counts from the boot, which nobody sets.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from remote.onhost import gpu_processes, parts, people, processes
from remote.onhost.active import newest_runs
from remote.onhost.machine import Gpus
from wire.codec import WireError, encode, read_object
from wire.run_dir import Root, replace_file

BUSY_LOAD = 0.8
"""Mean load over five minutes from which somebody's work is assumed: one thread at work is 1."""
BUSY_PERCENT = 5
GPU_WAIT_S = 10.0
FIRST_S = 2.0
NAMED = 3
"""So many uses are told."""
WTMP = "/var/log/wtmp"
"""Changes when somebody logs in or out."""


def up_s() -> float:
    """Return the seconds since the boot, those asleep too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True)
class Idle:
    """One look."""

    uses: Tuple[str, ...]
    """What uses it, in words; () if nothing does."""
    for_s: float
    """For how long nothing has, as far as anybody looked; 0 while something does."""

    @property
    def words(self) -> str:
        more = f" and {len(self.uses) - NAMED} more" if len(self.uses) > NAMED else ""
        return ", ".join(self.uses[:NAMED]) + more


@dataclass
class Usage:
    """Looks at everything; not for several threads."""

    root: Root
    busy_load: float = BUSY_LOAD
    _connections: people.Connections = field(default_factory=people.Connections)
    _gpus: Gpus = field(default_factory=Gpus)

    def look(self) -> Idle:
        """Look now, and write down that it is used if it is."""
        runs, ended_s = _runs(self.root)
        table = people.seen()
        here = [*self._connections.people(table, up_s()), *people.logins()]
        uses = [*runs, *people.runs_elsewhere(table, self.root.path), *here, *self._gpu_uses(), *self._load()]
        if uses:
            with contextlib.suppress(OSError):  # nothing is lost but the memory of it
                used(self.root)
            return Idle(tuple(dict.fromkeys(uses)), 0.0)
        ages = [ended_s, last_used_s(self.root), people.terminals_quiet_s(table), _file_age_s(WTMP)]
        return Idle((), min((up_s(), *(age for age in ages if age is not None))))

    def _gpu_uses(self) -> List[str]:
        if not self._gpus.has_tool:
            return []
        self._gpus.ask(GPU_WAIT_S)
        if not self._gpus.last and self._gpus.trouble.endswith("hangs"):
            return [self._gpus.trouble]
        busy = [gpu["index"] for gpu in self._gpus.last if gpu.get("busy_percent", 0) >= BUSY_PERCENT]
        programs = [f"{row['name']} (pid {row['pid']}) is on a GPU" for row in gpu_processes.listed(self.root) or ()]
        return [*programs, *(f"GPU {index} is busy" for index in busy)]

    def _load(self) -> List[str]:
        try:
            load = os.getloadavg()[1]
        except OSError:
            return []
        return [f"something computes (load {load:.1f})"] if load >= self.busy_load else []


class Looking:
    """The same on a thread of its own, for who cannot wait: a GPU's tool may hang."""

    def __init__(self, root: Root) -> None:
        os.makedirs(root.idle, mode=0o700, exist_ok=True)
        self._usage = Usage(root)
        self._last: Optional[Idle] = None
        self._last_at = 0.0
        self._thread = threading.Thread()
        self._ask().join(FIRST_S)  # so that the first facts know already

    def facts(self) -> Dict[str, Any]:
        """Return the last look as {in_use} or {idle_s}, {} before the first; and ask for the next one."""
        self._ask()
        idle = self._last
        if idle is None:
            return {}
        return {"in_use": idle.words} if idle.uses else {"idle_s": round(idle.for_s + up_s() - self._last_at, 1)}

    def _ask(self) -> threading.Thread:
        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._look, name="idle", daemon=True)
            self._thread.start()
        return self._thread

    def _look(self) -> None:
        with contextlib.suppress(OSError):  # the root may go meanwhile
            self._last, self._last_at = self._usage.look(), up_s()


def used(root: Root) -> None:
    """Write down that the machine is used now; the folder is there, or the root is gone. Raises OSError."""
    replace_file(_mark(root), encode({"boot": processes.boot_id(), "up_s": up_s()}))


def last_used_s(root: Root) -> Optional[float]:
    """Return how long ago the machine was seen in use; None if nobody looked since the boot."""
    try:
        mark = read_object(_mark(root)) or {}
        return max(0.0, up_s() - float(mark["up_s"])) if mark["boot"] == processes.boot_id() else None
    except (WireError, KeyError, TypeError, ValueError):
        return None


def _mark(root: Root) -> str:
    return os.path.join(root.idle, "used")


def _runs(root: Root) -> Tuple[List[str], Optional[float]]:
    """Return the active runs in words, and how long ago the last of the others ended."""
    active, ages = [], []
    for names, facts in newest_runs(root):
        state = parts.verdict(facts)[0]
        ended_at_s = (facts["exit"] or {}).get("at_s")
        if state.active:
            active.append(f"{names['worker']} of {names['project']} is {state.value}")
        elif isinstance(ended_at_s, (int, float)):
            ages.append(max(0.0, time.time() - ended_at_s))
    return active, min(ages, default=None)


def _file_age_s(path: str) -> Optional[float]:
    try:
        return max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError:
        return None
