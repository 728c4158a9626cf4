"""The keeper: a process of its own that looks whether anybody uses the machine, and at last turns it off.

It begins to count when it begins to look, and anew where it could not look for a while (a machine that slept), so that
none is turned off for what nobody saw. An attempt that comes to nothing is said, and tried again after another whole
time.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import time
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, List, Optional

from remote.onhost import last_use, parts, processes
from remote.onhost.active import newest_runs
from remote.onhost.idle import Idle, Usage
from remote.onhost.last_use import GOING_S, up_s
from remote.onhost.power_off import CannotPowerOff, power_off
from wire.codec import WireError, encode, read_object
from wire.records import Action
from wire.run_dir import Root, append_line, replace_file

SUFFIX = ".json"
GAP_S = 60.0
"""Looks that are further apart than was wished and this much more have seen nothing of the time between."""
VERB = "idle stop"
"""What people call it, among the actions of the project's newest run."""


@dataclass(frozen=True)
class Wish:
    """What a keeper is to do."""

    stop_s: float
    """Turn the machine off after so many idle seconds."""
    look_s: float
    """Between two looks."""
    busy_load: float
    """See `remote.onhost.idle`."""
    bundle: str
    """The code that it runs."""


def keep(argv: List[str]) -> int:
    """Be the keeper of a project: root, project, and the wish as JSON."""
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    root, project, wish = Root(argv[0]), argv[1], Wish(**json.loads(argv[2]))
    keeper = Keeper(root, project, wish, Usage(root, wish.busy_load).look)
    keeper.tell()  # a look may take its time, and somebody waits for a word
    while os.path.isdir(root.idle):
        keeper.round()
        time.sleep(wish.look_s)
    return 0


class Keeper:
    """Counts; a look, the clock and the switch are arguments."""

    def __init__(
        self, root: Root, project: str, wish: Wish, look: Callable[[], Idle], *,
        clock: Callable[[], float] = up_s, switch: Callable[[], None] = power_off,
    ) -> None:  # fmt: skip
        self._root, self._project, self._wish = root, project, wish
        self._look, self._clock, self._switch = look, clock, switch
        self._since, self._going_at = clock(), math.inf
        self._looked_at = self._since
        self._trouble = ""

    def round(self) -> None:
        """Look once, stop the machine if it is time, and write down how things stand."""
        began = self._clock()
        idle, now = self._looked(), self._clock()
        if now - self._looked_at > self._wish.look_s + GAP_S:
            self._since = now
        self._looked_at = now
        if now >= self._going_at + GOING_S:
            self._failed("it was told to shut down, and still runs")
        idle_s = min(idle.for_s, now - self._since)
        if idle.uses and self._going_at == math.inf:
            self._trouble = ""
        elif idle_s >= self._wish.stop_s and idle.settled and self._going_at == math.inf:
            self._stop(f"idle for {idle_s / 60:.0f} min", began)
            idle_s = min(idle_s, now - self._since)
        self.tell(idle_s)

    def _looked(self) -> Idle:
        try:
            return self._look()
        except Exception as exc:  # of a look that fails nobody knows what it would have found
            return Idle((f"cannot look: {exc}",), 0.0)

    def _stop(self, why: str, looked_s: float) -> None:
        """Stop the machine, unless it was used since the look began."""
        last_use.goes(self._root)
        used_s = last_use.last_used_s(self._root)
        if used_s is not None and self._clock() - used_s >= looked_s:
            last_use.stays(self._root)
            return
        self._record(why)
        self._going_at = self._clock()
        try:
            self._switch()
        except CannotPowerOff as exc:
            self._failed(str(exc))
            self._record(f"failed: {why}: {exc}")

    def _failed(self, trouble: str) -> None:
        """Say it, and count anew."""
        self._trouble, self._since, self._going_at = trouble, self._clock(), math.inf
        last_use.stays(self._root)

    def _record(self, result: str) -> None:
        """Put it among the actions of the project's newest run, where every laptop sees it."""
        names = [names for names, _ in newest_runs(self._root) if names["project"] == self._project]
        runs = [self._root.run(one["project"], one["worker"], one["run"]) for one in names]
        jobs = [(job.at_s, run) for run in runs for job in [parts.job_of(run, parts.newest_attempt(run))] if job]
        if jobs:
            where = max(jobs, key=lambda one: one[0])[1]
            action = Action(VERB, "this host itself", time.time(), "shutdown -h now", result)
            with contextlib.suppress(OSError):
                append_line(where.actions, action.to_line())

    def tell(self, idle_s: float = 0.0) -> None:
        """Write down who we are and when the machine will be stopped, if nobody uses it."""
        stop_at_up_s = self._clock() + self._wish.stop_s - idle_s
        ticks = processes.start_ticks(os.getpid()) or 0
        told = {"pid": os.getpid(), "ticks": ticks, "boot": processes.boot_id(), "wish": asdict(self._wish),
                "at_up_s": self._clock(), "stop_at_up_s": stop_at_up_s, "trouble": self._trouble}  # fmt: skip
        with contextlib.suppress(OSError):
            replace_file(_file(self._root, self._project), encode(told))


def standing(root: Root, project: str) -> Optional[Dict[str, Any]]:
    """Return what the project's keeper last wrote (see `Keeper.tell`); None if none lives."""
    try:
        told = read_object(_file(root, project)) or {}
        lives = told["boot"] == processes.boot_id() and processes.start_ticks(told["pid"]) == told["ticks"]
    except (WireError, KeyError):
        return None
    return told if lives else None


def next_stop(root: Root) -> Dict[str, Any]:
    """Return {stop_in_s, stop_trouble} of the keeper, of whatever project, that stops first; {} if none lives."""
    names = [name[: -len(SUFFIX)] for name in parts.names_in(root.idle) if name.endswith(SUFFIX)]
    found = [told for told in (standing(root, name) for name in names) if told is not None]
    if not found:
        return {}
    first = min(found, key=lambda told: float(told["stop_at_up_s"]))
    silent_s = up_s() - float(first.get("at_up_s", up_s()))  # an older bundle's keeper does not say
    silent = silent_s > float(first["wish"]["look_s"]) + GAP_S
    trouble = f"its keeper has not looked for {silent_s / 60:.0f} min" if silent else first["trouble"]
    return {"stop_in_s": max(0.0, round(first["stop_at_up_s"] - up_s(), 1)), "stop_trouble": trouble}


def _file(root: Root, project: str) -> str:
    return os.path.join(root.idle, project + SUFFIX)
