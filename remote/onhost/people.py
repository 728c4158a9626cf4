"""Who works at this machine besides runs: people at a terminal, and ssh connections that are not our own.

Our own are those that run the far side, as they do within seconds of their beginning. They may have nothing below
them later (a laptop that sleeps leaves its connection behind for hours), so they are remembered. What takes its time
over one of them is somebody's, too: a copy of results, an environment that is built, tests. Where another user's
processes are hidden (`hidepid`), what the system's own list of logins says is all there is.
"""

from __future__ import annotations

import os
import platform
import re
import struct
import time
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Set, Tuple

UTMP = "/run/utmp"
UTMP_BYTES = 400 if platform.machine() == "aarch64" else 384
"""Size of a record (utmp(5)); its beginning is the same on both: type, pid, line, id, user."""
_UTMP = struct.Struct("hi32s4s32s")
USER_PROCESS = 7
PTS_MAJOR = 136
TITLE_MAX_BYTES = 8192
LONG_S = 30.0
"""Whatever does not just follow counts on a connection of ours once it runs so long: a round of syncing with nothing to
bring does not."""
FRESH_S = 5.0
"""A connection with no terminal may be ours if it is younger."""
AHEAD_S = 60.0
"""A file's time may be so far ahead of the clock; further, somebody set one of them."""
FAR_SIDE = "remote.onhost.__main__"
"""In the command line of everything that runs our bundle."""

_FOLLOWS = re.compile(r" follow(?: |\Z)")
_SESSION = re.compile(r"sshd(?:-session)?: (?P<user>[^\s@\[/]+)(?:@(?P<where>\S+))?\Z")
"""What sshd calls the process of one connection: `sshd: ada@pts/0`, `sshd: ada@notty`, `sshd: ada` of a mere tunnel."""


@dataclass(frozen=True)
class Seen:
    """A process as anybody may see it."""

    pid: int
    parent: int
    ticks: int
    terminal: int
    """Device number of its controlling terminal, 0 without one."""
    title: str
    """Its command line."""


def seen(proc: str = "/proc") -> Dict[int, Seen]:
    """Return every process of this machine that can be seen; {} where there is no such folder."""
    found = {}
    for name in filter(str.isdigit, os.listdir(proc) if os.path.isdir(proc) else ()):
        try:
            with open(os.path.join(proc, name, "stat"), "rb") as file:
                stat = file.read()
            with open(os.path.join(proc, name, "cmdline"), "rb") as file:
                words = file.read(TITLE_MAX_BYTES)
        except OSError:
            continue
        fields = stat[stat.rfind(b")") + 2 :].split()
        if len(fields) >= 20 and fields[0] not in (b"Z", b"X"):
            title = words.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace").strip()
            found[int(name)] = Seen(int(name), int(fields[1]), int(fields[19]), int(fields[4]), title)
    return found


class Connections:
    """The ssh connections of this machine, over several looks."""

    def __init__(self) -> None:
        self._ours: Set[Tuple[int, int]] = set()
        """(pid, start) of those that were seen to be ours."""
        self.fresh = False
        """True if the last look saw something too young to tell what it is."""

    def people(self, table: Dict[int, Seen], up_s: float) -> List[str]:
        """Return who is there over ssh, in words. `up_s`: for how long the machine has been up."""
        children: Dict[int, List[Seen]] = {}
        for one in table.values():
            children.setdefault(one.parent, []).append(one)
        self.fresh = False
        found: List[str] = []
        for one in table.values():
            named, above = _SESSION.match(one.title), table.get(one.parent)
            # What sshd is about to turn into a command has its name for a moment.
            if named is not None and not (above is not None and _SESSION.match(above.title)):
                found += self._of(one, named["user"], named["where"] or "", children, up_s)
        self._ours &= {(one.pid, one.ticks) for one in table.values()}
        return found

    def _of(self, session: Seen, user: str, where: str, children: Dict[int, List[Seen]], up_s: float) -> Iterator[str]:
        if "/" in where:
            yield f"{user} is logged in at {where}"
            return
        waiting, others = list(children.get(session.pid, ())), []
        while waiting:
            one = waiting.pop()
            if FAR_SIDE in one.title:
                self._ours.add((session.pid, session.ticks))
                others += [] if _FOLLOWS.search(one.title) else [one]
            else:
                others.append(one)
                waiting += children.get(one.pid, ())
        if (session.pid, session.ticks) not in self._ours:
            if _old_s(session, up_s) >= FRESH_S:
                yield f"{user} is connected by ssh"
            else:
                self.fresh = True
        elif any(_old_s(one, up_s) > LONG_S for one in others):
            yield f"something is done for {user}"
        else:
            self.fresh = self.fresh or bool(others)


def runs_elsewhere(table: Dict[int, Seen], root: str) -> List[str]:
    """Return whether runs go on under another root than this one, in words; of whatever user."""
    others = [one for one in table.values() if FAR_SIDE in one.title and " supervise " in one.title]
    return ["a run under another root"] if any(f"{root}/" not in one.title for one in others) else []


def logins(path: str = UTMP) -> List[str]:
    """Return who is logged in by the system's own list; [] on a system that keeps none."""
    try:
        with open(path, "rb") as file:
            data = file.read(UTMP_BYTES * 1024)
    except OSError:
        return []
    found = []
    for start in range(0, len(data) - UTMP_BYTES + 1, UTMP_BYTES):
        kind, pid, line, _, user = _UTMP.unpack_from(data, start)
        if kind == USER_PROCESS and _exists(pid):
            found.append(f"{_word(user)} is logged in at {_word(line)}")
    return found


def terminals_quiet_s(table: Dict[int, Seen]) -> Optional[float]:
    """Return for how long nothing was typed or printed on any terminal with a process (also of tmux, mosh, SSM)."""
    ages = []
    for number in {one.terminal for one in table.values()}:
        if number >> 8 & 0xFFF == PTS_MAJOR:
            try:
                about = os.stat(f"/dev/pts/{number & 0xFF | number >> 12 & 0xFFF00}")
            except OSError:
                continue
            ages.append(age_s(max(about.st_atime, about.st_mtime)))
    return min((age for age in ages if age is not None), default=None)


def age_s(at_s: float) -> Optional[float]:
    """Return how long ago a moment of this machine's clock is; None for one that is still to come."""
    ago_s = time.time() - at_s
    return max(0.0, ago_s) if ago_s > -AHEAD_S else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _word(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _old_s(process: Seen, up_s: float) -> float:
    return up_s - process.ticks / os.sysconf("SC_CLK_TCK")
