"""Who computes on the GPUs of this host: a run of ours, what a run left behind, something else of this user, others.

A process belongs to the run that its environment names, or that of the nearest parent which names one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any, Dict, List, Optional, Tuple

from remote.onhost import parts, processes
from wire.run_dir import Root, RunDir, attempt_number

QUERY = (
    "nvidia-smi", "--query-compute-apps=pid,used_gpu_memory,process_name", "--format=csv,noheader,nounits",
)  # fmt: skip
TIMEOUT_S = 8.0
LISTED_MAX = 256
PARENTS_MAX = 64
RUN_DIR, ATTEMPT = b"TRAJVID_RUN_DIR=", b"TRAJVID_ATTEMPT="

OF_RUN, LEFT, OURS, OTHERS, HIDDEN = "run", "left", "ours", "others", "hidden"
"""Whose a process is: a run whose supervisor lives; one whose supervisor is gone; this user's, of no run; another
user's; or it cannot be seen from here (another container)."""


def listed(root: Root) -> Optional[List[Dict[str, Any]]]:
    """Return {pid, memory_bytes, name, whose, run} of each process on a GPU; None if nvidia-smi cannot tell."""
    if shutil.which(QUERY[0]) is None:
        return None
    try:
        done = subprocess.run(QUERY, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    rows = parse(done.stdout.decode("utf-8", "replace"))[:LISTED_MAX]
    return [{**row, **whose(row["pid"], root)} for row in rows]


def parse(text: str) -> List[Dict[str, Any]]:
    """Return {pid, memory_bytes, name} a line of `QUERY`'s output; None for a memory that it does not tell."""
    found = []
    for line in text.splitlines():
        words = [word.strip() for word in line.split(",", 2)]
        if len(words) == 3 and words[0].isdigit():
            memory = int(words[1]) * 1024 * 1024 if words[1].isdigit() else None
            found.append({"pid": int(words[0]), "memory_bytes": memory, "name": os.path.basename(words[2])})
    return found


def whose(pid: int, root: Root) -> Dict[str, str]:
    """Return {whose, run}: `run` is the worker's folder and the run's name where it belongs to one of this root."""
    if processes.process(pid) is None:
        return {"whose": HIDDEN, "run": ""}
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.getuid():
            return {"whose": OTHERS, "run": ""}
    except OSError:
        return {"whose": HIDDEN, "run": ""}
    folder, attempt = _named(pid)
    if not folder:
        return {"whose": OURS, "run": ""}
    name = os.path.join(os.path.basename(os.path.dirname(folder)), os.path.basename(folder))
    if os.path.commonpath([folder, root.runs]) != root.runs:
        return {"whose": OF_RUN, "run": name}  # another root is none of our business
    job = parts.job_of(RunDir(folder), attempt_number(attempt) or 0)
    lives = job is not None and (bool(job.cluster_job) or processes.prove(job).alive)
    return {"whose": OF_RUN if lives else LEFT, "run": name}


def _named(pid: int) -> Tuple[str, str]:
    """The run directory and the attempt that a process or the nearest of its parents names, '' if none does."""
    for _ in range(PARENTS_MAX):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                records = file.read().split(b"\0")
        except OSError:
            return "", ""
        folder, attempt = (_value(records, key) for key in (RUN_DIR, ATTEMPT))
        if os.path.isabs(folder):
            return os.path.normpath(folder), attempt
        found = processes.process(pid)
        if found is None or found.parent <= 1:
            return "", ""
        pid = found.parent
    return "", ""


def _value(records: List[bytes], key: bytes) -> str:
    return next((os.fsdecode(record[len(key) :]) for record in records if record.startswith(key)), "")
