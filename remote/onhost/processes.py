"""Which processes exist, and which of them are provably ours.

A pid alone proves nothing: it may be reused, or the machine rebooted. A process is ours if its start time and the
boot id match the job record, or if its environment carries the exact record `TRAJVID_NONCE=<nonce>` (that survives
setsid and re-parenting), or if it descends from such a process (one that overwrote its environment area, as
setproctitle does).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Set

from wire.records import JobRecord

MARKER = "TRAJVID_NONCE"
"""Environment variable that tags the supervisor and everything below it with the attempt's nonce."""

BOOT_ID_OVERRIDE = "TRAJVID_BOOT_ID"
"""Environment variable that replaces the kernel's boot id (tests of a reboot)."""

_PROC = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Process:
    """One line of the process table. `ticks` is the start time in whatever unit the platform has."""

    pid: int
    ticks: int
    parent: int
    zombie: bool


@dataclass(frozen=True)
class Proof:
    """Whether a supervisor lives. `why` is '', `gone`, `pid_reused` or `rebooted`."""

    alive: bool
    why: str = ""


def boot_id() -> str:
    """Return an identifier that changes with every boot of the machine."""
    override = os.environ.get(BOOT_ID_OVERRIDE, "")
    if override:
        return override
    if _PROC:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    return _output(["sysctl", "-n", "kern.boottime"]).strip()


def process(pid: int) -> Optional[Process]:
    """Return the process with this pid, None if there is none."""
    if not _PROC:
        return _ps_table().get(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            data = file.read()
    except OSError:
        return None
    # The command's name may hold spaces and parentheses: count fields after the last ')' (proc(5)).
    fields = data[data.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    return Process(pid, int(fields[19]), int(fields[1]), fields[0] in (b"Z", b"X"))


def start_ticks(pid: int) -> Optional[int]:
    """Return when a living process started (field 22 of its stat); None if it is gone or a zombie."""
    found = process(pid)
    return None if found is None or found.zombie else found.ticks


def prove(job: JobRecord) -> Proof:
    """Return whether the supervisor of `job` lives: same boot, same start time, not a zombie."""
    if job.boot_id != boot_id():
        return Proof(False, "rebooted")
    ticks = start_ticks(job.pid)
    if ticks is None:
        return Proof(False, "gone")
    return Proof(True) if ticks == job.start_ticks else Proof(False, "pid_reused")


def family(nonce: str) -> Dict[int, int]:
    """Return pid -> start time of every living process of an attempt: marked, or descended from a marked one."""
    return families([nonce])[nonce]


def families(nonces: Iterable[str]) -> Dict[str, Dict[int, int]]:
    """Return the same for several attempts in one pass over the process table."""
    table = _table()
    marks = _marks(table, {f"{MARKER}={nonce}".encode(): nonce for nonce in nonces})
    children: Dict[int, Set[int]] = {}
    for item in table.values():
        children.setdefault(item.parent, set()).add(item.pid)
    found: Dict[str, Dict[int, int]] = {nonce: {} for nonce in nonces}
    for nonce, out in found.items():
        waiting = [pid for pid, mark in marks.items() if mark == nonce]
        while waiting:
            pid = waiting.pop()
            if pid in out or pid == 1 or marks.get(pid, nonce) != nonce:
                continue
            out[pid] = table[pid].ticks
            waiting.extend(children.get(pid, ()))
    return found


def listeners(nonce: str, child: int, number: int) -> Dict[int, int]:
    """Return pid -> start time of the processes of an attempt, from `child` down, that a signal is meant for.

    Those that catch it and do not descend from one that does: a trainer behind a shell, every rank behind torchrun,
    but not a data loader's helpers. Where the system does not tell who catches what, it is the child.
    """
    table, ours = _table(), family(nonce)
    if not _PROC:
        return {child: table[child].ticks} if child in table else {}
    found, waiting = {}, [child]
    while waiting:
        pid = waiting.pop()
        if _catches(pid, number):
            found[pid] = ours.get(pid) or table[pid].ticks
        else:
            waiting.extend(other for other in ours if other in table and table[other].parent == pid)
    return found


def _catches(pid: int, number: int) -> bool:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            masks = [line.split()[1] for line in file if line.startswith(b"SigCgt:")]
    except OSError:
        return False
    return bool(masks) and bool(int(masks[0], 16) >> (number - 1) & 1)


def send(pid: int, ticks: int, number: int) -> bool:
    """Signal a process if it still is the one that started at `ticks`; True if the signal was sent."""
    try:
        if not hasattr(os, "pidfd_open") or not hasattr(signal, "pidfd_send_signal"):
            if start_ticks(pid) != ticks:
                return False
            os.kill(pid, number)
            return True
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if start_ticks(pid) != ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def holders(path: str) -> Set[int]:
    """Return the pids, other than ours, that have the file at `path` open (Linux; empty elsewhere)."""
    found: Set[int] = set()
    if not _PROC:
        return found
    wanted = os.stat(path)
    for pid in _pids():
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        if pid != os.getpid() and any(_same_file(f"/proc/{pid}/fd/{name}", wanted) for name in names):
            found.add(pid)
    return found


def texts() -> List[bytes]:
    """Return what each process was started with, its command and its environment, as far as we may see it."""
    if not _PROC:
        return [_output(["ps", "-axEwwo", "command="]).encode("utf-8", "replace")]
    found = []
    for pid in _pids():
        for name in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    found.append(file.read())
            except OSError:
                continue
    return found


def _same_file(path: str, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), wanted)
    except OSError:
        return False


def _pids() -> Iterable[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _table() -> Dict[int, Process]:
    if not _PROC:
        return _ps_table()
    found = (process(pid) for pid in _pids())
    return {item.pid: item for item in found if item is not None and not item.zombie}


def _marks(table: Dict[int, Process], marks: Dict[bytes, str]) -> Dict[int, str]:
    """Return pid -> nonce for the processes of `table` whose environment holds one of `marks` as a whole record."""
    if not _PROC:
        lines = _output(["ps", "-axEww", "-o", "pid=,command="]).splitlines()
        words = [line.split() for line in lines if line.strip()]
        return {int(w[0]): marks[m] for w in words for m in marks if m.decode() in w[1:] and int(w[0]) in table}
    found: Dict[int, str] = {}
    for pid in table:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                data = file.read()
        except OSError:
            continue
        for record in data.split(b"\0") if MARKER.encode() in data else ():
            if record in marks:
                found[pid] = marks[record]
    return found


def _ps_table() -> Dict[int, Process]:
    """The process table through ps(1), for macOS (untested there): start times have a resolution of one second."""
    import time

    found: Dict[int, Process] = {}
    for line in _output(["ps", "-axo", "pid=,ppid=,stat=,lstart="]).splitlines():
        words = line.split(None, 3)
        if len(words) == 4:
            started = int(time.mktime(time.strptime(words[3].strip(), "%a %b %d %H:%M:%S %Y")))
            found[int(words[0])] = Process(int(words[0]), started, int(words[1]), words[2].startswith("Z"))
    return {pid: item for pid, item in found.items() if not item.zombie}


def _output(argv: Iterable[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(list(argv), stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
    return done.stdout.decode("utf-8", "replace")
