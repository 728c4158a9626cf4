"""Wait on the host until it is our turn and our GPUs are free: no scheduler, so it goes on with the laptop closed.

First come, first served among the runs that want the same GPUs; a run for a free GPU that nobody before it could use
passes the others. Starts may be staggered: the first one shows that it works before the next one loads the host.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from remote.onhost import parts, slots
from remote.onhost.machine import Gpus
from remote.onhost.resources import Resources
from remote.onhost.slots import Who
from remote.onhost.spawn import Claim
from remote.onhost.tickets import Ticket
from wire.codec import encode
from wire.run_dir import Root, replace_file

LOOK_S = 1.0
"""Pause between two looks."""
FRESH_S = 10.0
"""An older answer of nvidia-smi does not say what is free now. Only the first of the queue asks."""
MIB = 1024 * 1024


@dataclass(frozen=True)
class Grant:
    """What a run got: locks to hold for as long as it lives, and its GPUs."""

    fds: Tuple[int, ...] = ()
    gpus: Tuple[int, ...] = ()


class Queue:
    """One run's waiting."""

    def __init__(self, root: Root, resources: Resources, claim: Claim) -> None:
        self._root, self._wish, self._me = root, resources, slots.who(claim)
        self._gpus = Gpus()

    def take(self, wait: Callable[[str], bool]) -> Optional[Grant]:
        """Return what the run asked for. `wait` hears why not yet, takes its time, and says False to give up (None).

        Raises OSError if the host's disk lets nobody queue.
        """
        with slots.turn_to_look(self._root):
            anything = self._wish.gpus > 0
            ticket = Ticket(self._root, self._me, None if anything else frozenset(self._wish.gpu))
        try:
            while True:
                with slots.turn_to_look(self._root):
                    grant, why = self._look(ticket)
                    if grant is not None:
                        self._note_start()
                        return grant
                if not wait(why):
                    return None
        finally:
            ticket.close()

    def _look(self, ticket: Ticket) -> Tuple[Optional[Grant], str]:
        """Return what is to be had now, or why nothing is."""
        before = ticket.before()
        if before:
            return None, "; ".join([f"behind {named(before, self._me)}", *self._taken()])
        why = self._canary() or self._unknown()
        return (None, why) if why else self._take()

    def _take(self) -> Tuple[Optional[Grant], str]:
        needed = len(self._wish.gpu) or self._wish.gpus
        got: Dict[int, List[int]] = {}
        for gpu in self._candidates():
            locks = slots.take(self._root, gpu, self._share) if self._room(gpu) and len(got) < needed else []
            if locks:
                got[gpu] = locks
        fds = [descriptor for locks in got.values() for descriptor in locks]
        if len(got) < needed:
            slots.close(fds)
            return None, "; ".join([*self._taken(), *self._full()])
        for locks in got.values():
            slots.name(locks[-1], {**self._me, "at_s": time.time()})
        return Grant(tuple(fds), tuple(sorted(got))), ""

    @property
    def _share(self) -> Optional[int]:
        return None if self._wish.exclusive else self._wish.slots

    def _unknown(self) -> str:
        """Return why it is not known what is free, '' if it is."""
        if not self._wish.gpus and not self._wish.gpu_memory_mib:
            return ""
        age_s = time.monotonic() - self._gpus.last_at
        if age_s > FRESH_S / 2:
            # Early: it may take seconds, and what it said last holds meanwhile.
            self._gpus.ask(LOOK_S / 4 if age_s > FRESH_S else 0.0)
        if self._gpus.has_tool and time.monotonic() - self._gpus.last_at > FRESH_S:
            return "nvidia-smi has not answered yet"
        return "" if self._gpus.last else self._gpus.trouble or "this host has no nvidia-smi"

    def _candidates(self) -> List[int]:
        """Return the named GPUs, or all, those with the fewest runs and then the most free memory first."""
        if self._wish.gpu or not self._wish.gpus:
            return list(self._wish.gpu)
        found = [gpu["index"] for gpu in self._gpus.last]
        return sorted(found, key=lambda gpu: (len(slots.holders(self._root, gpu)), -self._free_mib(gpu), gpu))

    def _free_mib(self, index: int) -> int:
        """Return the free memory of a GPU; one that does not tell has enough."""
        told: Dict[str, Any] = next((gpu for gpu in self._gpus.last if gpu["index"] == index), {})
        total, used = told.get("memory_total_bytes"), told.get("memory_used_bytes")
        return 2**40 if total is None or used is None else (total - used) // MIB

    def _room(self, gpu: int) -> bool:
        return self._free_mib(gpu) >= self._wish.gpu_memory_mib

    def _taken(self) -> List[str]:
        """Say who has the GPUs that are not to be had: `GPU 0 is taken by a (for 2 h) and b (for 5 min)`."""
        return taken(self._root, self._candidates(), self._share, self._me)

    def _full(self) -> List[str]:
        """Say which GPUs have too little memory left, whoever uses it."""
        short = [gpu for gpu in self._candidates() if not self._room(gpu)]
        free = ", ".join(f"GPU {gpu} has {self._free_mib(gpu)} MiB free" for gpu in short[:3])
        return [f"{free}, it needs {self._wish.gpu_memory_mib}"] if short else []

    def _canary(self) -> str:
        """Return why a start must wait for the one before it, '' if it need not."""
        last = slots.read(self._last) if self._wish.stagger_s else {}
        age_s = time.monotonic() - last.get("monotonic_s", float("-inf"))
        if not 0 <= age_s < self._wish.stagger_s or not slots.alive(last):
            return ""
        attempt, worker = str(last.get("attempt")), str(last.get("worker"))
        run = self._root.run(str(last.get("project")), worker, attempt.rpartition(".")[0])
        progress = parts.read_part(run.progress) or {}
        if progress.get("attempt") == attempt and (progress.get("step") or progress.get("samples_done")):
            return ""
        return f"lets {worker} make its first progress, for at most {self._wish.stagger_s:g} s"

    def _note_start(self) -> None:
        """Tell the next one that this run starts now."""
        with contextlib.suppress(OSError):
            line = encode({**self._me, "monotonic_s": time.monotonic()})
            replace_file(self._last, line)

    @property
    def _last(self) -> str:
        """The file that names the start before ours."""
        return os.path.join(slots.folder(self._root), "last")


def taken(root: Root, gpus: Sequence[int], share: Optional[int], me: Who) -> List[str]:
    """Say of each GPU that is not to be had who has it; at most three of them one by one."""
    told = []
    for gpu in gpus:
        locks = slots.take(root, gpu, share)
        slots.close(locks)
        if not locks:
            told.append(f"GPU {gpu} is taken by {named(slots.holders(root, gpu), me)}")
    return [*told[:3], f"so are {len(told) - 3} more"] if len(told) > 3 else told


def named(others: Sequence[Who], me: Who) -> str:
    """`a (for 2 h), b of other-1f2e (for 5 min) and 3 more`."""
    names = [_name(other, me) for other in others[:3]]
    if len(others) > 3:
        names.append(f"{len(others) - 3} more")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "somebody"


def _name(other: Who, me: Who) -> str:
    if "worker" not in other:
        return "somebody"
    where = f" of {other.get('project')}" if other.get("project") != me.get("project") else ""
    if not slots.alive(other):
        return f"what is left of {other['worker']}{where}, whose supervisor is gone: stop it"
    return f"{other['worker']}{where} ({_since(time.time() - float(other.get('at_s') or 0.0))})"


def _since(seconds: float) -> str:
    """Coarse, so that it is news at most once a minute."""
    if seconds < 60:
        return "just now"
    return f"for {seconds // 60:.0f} min" if seconds < 3600 else f"for {seconds // 3600:.0f} h"
