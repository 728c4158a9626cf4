"""`idle_stop`: have this machine turn itself off once it has been idle for long enough, with the laptop closed.

Whoever asks has made sure that a shutdown stops the instance and does not terminate it: it cannot know that itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict
from typing import Any, Dict, Optional

from remote.onhost import idle, keeper, parts, processes, request
from remote.onhost.keeper import Wish
from remote.onhost.lock import WorkerLock
from remote.onhost.power_off import CannotPowerOff, command
from remote.onhost.request import Refusal
from remote.onhost.spawn import detached
from wire.run_dir import Root

LOOK_S = 15.0
START_S, END_S = 20.0, 5.0
"""How long a keeper may take to speak, and to go."""
PAUSE_S = 0.02


def idle_stop(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Have the project's keeper stop the machine after `stop_s` idle seconds; 0 ends it, null leaves it as it is.

    Returns {"trouble": why this user could not turn it off}. Raises `Refusal`.
    """
    from remote.onhost.__main__ import bundle_path

    root, project = request.root(asked), request.folder_name(asked, "project")
    os.makedirs(root.idle, mode=0o700, exist_ok=True)
    if asked.get("stop_s") is None:
        return {"trouble": ""}
    stop_s, look_s = request.number(asked, "stop_s", 0.0), request.number(asked, "look_s", LOOK_S)
    wish = Wish(stop_s, look_s, request.number(asked, "busy_load", idle.BUSY_LOAD), bundle_path())
    trouble = _trouble() if stop_s else ""
    keeps = stop_s > 0 and not trouble
    if not _stands(root, project, wish if keeps else None) and keeps:
        _start(root, project, wish)
    return {"trouble": trouble}


def _stands(root: Root, project: str, wish: Optional[Wish]) -> bool:
    """Whether a keeper does what is wished; one with another wish is ended."""
    found = keeper.standing(root, project)
    if found is None or (wish is not None and found["wish"] == asdict(wish)):
        return found is not None
    processes.send(found["pid"], found["ticks"], signal.SIGTERM)
    return False


def _trouble() -> str:
    """Why it cannot be done here, '' if it can."""
    if not os.path.isdir("/proc/self") or processes.process(1) is None:
        return "this system does not tell who uses it"  # `hidepid` hides everybody else's processes
    try:
        command()
    except CannotPowerOff as exc:
        return str(exc)
    return ""


def _start(root: Root, project: str, wish: Wish) -> None:
    """Start a keeper that outlives us, as a supervisor does; the lock that it inherits lets there be one only."""
    place = os.path.join(root.idle, project)
    with WorkerLock(place + ".lock") as lock:
        until = time.monotonic() + END_S
        while not lock.take():
            if _stands(root, project, wish):
                return  # somebody else has set the same meanwhile
            if time.monotonic() > until:
                raise Refusal("busy", "the idle stop is being set by somebody else", "try again")
            time.sleep(PAUSE_S)
        argv = detached("keep", root.path, project, json.dumps(asdict(wish)))
        with open(place + ".log", "wb") as log:
            child = subprocess.Popen(
                argv, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock.descriptor,),
                start_new_session=True,
            )  # fmt: skip
    until = time.monotonic() + START_S
    while (keeper.standing(root, project) or {}).get("pid") != child.pid:
        if child.poll() is not None or time.monotonic() > until:
            said = parts.newest_line(place + ".log") or "it said nothing"
            raise Refusal("not_started", f"the keeper of the idle stop did not start: {said[:300]}")
        time.sleep(PAUSE_S)
