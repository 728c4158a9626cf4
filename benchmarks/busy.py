"""Processors that somebody else uses, too, as on a laptop in use.

A virtual machine's or a laptop's processor that sleeps between two short tasks is slow at the next one: its clock is
low, its caches are cold, and what is measured then is the machine's waking. Here one process a processor, of a priority
below all others (SCHED_IDLE, sched(7)), goes through memory as long as nobody else has work.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator

MEBIBYTES = 8


def _use(processor: int) -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(0, {processor})
    memory = bytearray(MEBIBYTES << 20)
    while True:
        bytes(memory)


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Use every processor that this process may use. Linux."""
    context = multiprocessing.get_context("spawn")
    users = [context.Process(target=_use, args=(one,), daemon=True) for one in sorted(os.sched_getaffinity(0))]
    for user in users:
        user.start()
    try:
        yield
    finally:
        for user in users:
            user.kill()
            user.join()
