"""What the machine has and how busy it is, for the host's line on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from typing import Any, Dict, List

GPU_FIELDS = {
    "memory.used": ("memory_used_bytes", 1024 * 1024),
    "memory.total": ("memory_total_bytes", 1024 * 1024),
    "utilization.gpu": ("busy_percent", 1),
    "power.draw": ("power_w", 1),
    "power.limit": ("power_limit_w", 1),
    "temperature.gpu": ("temperature_c", 1),
}
"""What nvidia-smi is asked for -> our name of it, and how many of our unit one of theirs is."""

GPU_QUERY = ("nvidia-smi", "--query-gpu=index,name," + ",".join(GPU_FIELDS), "--format=csv,noheader,nounits")


def parse_gpus(text: str) -> List[Dict[str, Any]]:
    """Return one object a GPU from the output of `GPU_QUERY`; figures that it lacks (`[N/A]`) are left out."""
    gpus = []
    for row in text.splitlines():
        words = [word.strip() for word in row.split(",")]
        if len(words) != 2 + len(GPU_FIELDS) or not words[0].isdigit():
            continue
        gpu: Dict[str, Any] = {"index": int(words[0]), "name": words[1]}
        for place, (name, unit) in enumerate(GPU_FIELDS.values(), 2):
            try:
                gpu[name] = int(float(words[place]) * unit)
            except (ValueError, OverflowError):
                pass
        gpus.append(gpu)
    return gpus


class Gpus:
    """Asks for the GPUs on a thread, as their tool may take seconds or hang."""

    def __init__(self) -> None:
        self.last: List[Dict[str, Any]] = []
        """The last answer; [] before the first, and for a tool that fails."""
        self.last_at = float("-inf")
        """Monotonic time of it."""
        self.trouble = ""
        """Why there was none, or none in it."""
        self.has_tool = shutil.which(GPU_QUERY[0]) is not None
        self._asking: "threading.Thread | None" = None

    def ask(self, wait_s: float = 0.0) -> None:
        """Ask anew, unless an answer is on its way already; wait for it a little."""
        if self.has_tool and (self._asking is None or not self._asking.is_alive()):
            self._asking = threading.Thread(target=self._read, name="gpus", daemon=True)
            self._asking.start()
        if self._asking is not None and wait_s:
            self._asking.join(wait_s)

    def _read(self) -> None:
        tool = GPU_QUERY[0]
        try:
            done = subprocess.run(GPU_QUERY, stdin=subprocess.DEVNULL, capture_output=True, timeout=8, check=False)
            self.last = parse_gpus(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else []
            self.trouble = f"{tool} failed ({done.returncode})" if done.returncode else f"{tool} tells of no GPU"
        except (OSError, subprocess.TimeoutExpired) as exc:
            self.last = []
            self.trouble = f"{tool} hangs" if isinstance(exc, subprocess.TimeoutExpired) else f"{tool}: {exc.strerror}"
        self.last_at = time.monotonic()


class Machine:
    """Reads the machine's facts."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._gpus = Gpus()
        self._gpus.ask(2.0)  # so that the first facts name them already

    def facts(self) -> Dict[str, Any]:
        """Return the `facts` message; the GPUs are those of the last answer."""
        self._gpus.ask()
        memory = _memory()
        return {
            "k": "facts",
            "cpus": os.cpu_count() or 1,
            "load_1min": _load(),
            "memory_total_bytes": memory.get("MemTotal", 0),
            "memory_available_bytes": memory.get("MemAvailable", 0),
            **disk(self._folder),
            "clock_s": time.time(),
            "gpus": self._gpus.last,
        }


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


def disk(folder: str) -> Dict[str, int]:
    """Return what is free in a folder's file system, and of how much; no number of inodes where it has no fixed one."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return {}
    space = {"disk_free_bytes": found.f_bavail * found.f_frsize, "disk_total_bytes": found.f_blocks * found.f_frsize}
    return {**space, "inodes_free": found.f_favail, "inodes_total": found.f_files} if found.f_files else space
