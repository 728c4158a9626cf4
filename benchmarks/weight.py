"""What this process holds at one moment."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Weight:
    """Processor time so far, and what is held."""

    cpu_s: float
    resident_mib: float
    descriptors: int
    tasks: int
    threads: int


def weigh() -> Weight:
    """Weigh the process of the running loop (proc(5))."""
    me = Path("/proc/self")
    resident = int((me / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    descriptors, threads = len(os.listdir(me / "fd")), len(os.listdir(me / "task"))
    return Weight(time.process_time(), resident, descriptors, len(asyncio.all_tasks()), threads)
