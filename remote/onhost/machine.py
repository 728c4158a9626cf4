"""What the machine has and how busy it is, for the host's line on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from typing import Any, Dict, List

GPU_QUERY = (
    "nvidia-smi",
    "--query-gpu=index,memory.used,memory.total,utilization.gpu,temperature.gpu",
    "--format=csv,noheader,nounits",
)


def parse_gpus(text: str) -> List[str]:
    """Return one readable line a GPU from the output of `GPU_QUERY`; figures that it lacks are left out."""
    lines = []
    for row in text.splitlines():
        words = [word.strip() for word in row.split(",")]
        if len(words) != 5 or not words[0].isdigit():
            continue
        index, used, total, busy, warm = words
        figures = [f"{int(used) / 1024:.1f}/{int(total) / 1024:.1f} GiB"] if used.isdigit() and total.isdigit() else []
        figures += [f"{busy} %"] if busy.isdigit() else []
        figures += [f"{warm} C"] if warm.isdigit() else []
        lines.append(f"{index}: {', '.join(figures)}" if figures else f"{index}:")
    return lines


class Machine:
    """Reads the machine's facts; the GPUs on a thread, as their tool may take seconds or hang."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._gpus: List[str] = []
        self._asking: "threading.Thread | None" = None
        self._has_gpu_tool = shutil.which(GPU_QUERY[0]) is not None
        if self._has_gpu_tool:
            self._ask_gpus()
            if self._asking is not None:
                self._asking.join(2.0)  # so that the first facts name them already

    def facts(self) -> Dict[str, Any]:
        """Return the `facts` message; the GPUs are those of the last answer."""
        if self._has_gpu_tool:
            self._ask_gpus()
        memory = _memory()
        return {
            "k": "facts",
            "cpus": os.cpu_count() or 1,
            "load_1min": _load(),
            "memory_total_bytes": memory.get("MemTotal", 0),
            "memory_available_bytes": memory.get("MemAvailable", 0),
            "disk_free_bytes": _disk_free(self._folder),
            "clock_s": time.time(),
            "gpus": self._gpus,
        }

    def _ask_gpus(self) -> None:
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._read_gpus, name="gpus", daemon=True)
            self._asking.start()

    def _read_gpus(self) -> None:
        try:
            done = subprocess.run(GPU_QUERY, stdin=subprocess.DEVNULL, capture_output=True, timeout=8, check=False)
        except (OSError, subprocess.TimeoutExpired):
            self._gpus = []
            return
        self._gpus = parse_gpus(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else []


def _load() -> "float | None":
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _memory() -> Dict[str, int]:
    found: Dict[str, int] = {}
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                found[name] = int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return found


def _disk_free(folder: str) -> int:
    try:
        free = os.statvfs(folder)
    except OSError:
        return 0
    return free.f_bavail * free.f_frsize
