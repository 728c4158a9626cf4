"""What uses this machine now, and since when nothing has: runs, people, programs on its GPUs, work of others.

What was seen is written down for whoever looks next.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from remote.onhost import gpu_processes, parts, people
from remote.onhost.active import newest_runs
from remote.onhost.last_use import last_used_s, up_s, used
from remote.onhost.machine import Gpus
from wire.run_dir import Root

BUSY_LOAD = 0.8
"""Mean load over five minutes from which somebody's work is assumed: one thread at work is 1."""
BUSY_PERCENT = 5
GPU_WAIT_S = 10.0
FIRST_S = 2.0
NAMED = 3
"""So many uses are told."""
WTMP = "/var/log/wtmp"
"""Changes when somebody logs in or out."""
TYPED_S = 30.0
"""A terminal on which something was typed or printed so lately is in use."""


@dataclass(frozen=True)
class Idle:
    """One look."""

    uses: Tuple[str, ...]
    """What uses it, in words; () if nothing does."""
    for_s: float
    """For how long nothing has, as far as anybody looked; 0 while something does."""
    settled: bool = True
    """False where something has only just begun, of which a later look will tell whether it is a use."""

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
        quiet_s = people.terminals_quiet_s(table)
        if quiet_s is not None and quiet_s < TYPED_S and not uses:
            uses.append("something is typed or printed on a terminal")
        if uses:
            used(self.root)
            return Idle(tuple(dict.fromkeys(uses)), 0.0)
        ages = [ended_s, last_used_s(self.root), quiet_s, _file_age_s(WTMP)]
        return Idle((), min((up_s(), *(age for age in ages if age is not None))), not self._connections.fresh)

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


def _runs(root: Root) -> Tuple[List[str], Optional[float]]:
    """Return the active runs in words, and how long ago the last of the others ended."""
    active, ages = [], []
    for names, facts in newest_runs(root):
        state = parts.verdict(facts)[0]
        ended_at_s = (facts["exit"] or {}).get("at_s")
        if state.active:
            active.append(f"{names['worker']} of {names['project']} is {state.value}")
        elif isinstance(ended_at_s, (int, float)):
            ages.append(people.age_s(ended_at_s))
    return active, min((age for age in ages if age is not None), default=None)


def _file_age_s(path: str) -> Optional[float]:
    try:
        return people.age_s(os.stat(path).st_mtime)
    except OSError:
        return None
