"""`inventory`: what of a project lies on this host and how much it takes, so that a laptop can say what may go.

Ages are told by this host's own clock, as no two clocks agree; nothing is opened but records, no link is followed.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Any, Dict, List, Set

from remote.onhost import parts, request
from remote.onhost.__main__ import bundle_path
from remote.onhost.in_use import used
from remote.onhost.kept import RUNS_MAX, WORKERS_MAX
from remote.onhost.measuring import inode_of, is_folder, measure
from remote.onhost.own_work import all_saved_work, saved_at_s
from remote.onhost.repository import Git
from wire.run_dir import TEMPORARY_PREFIX, Root, RunDir

GONE_PREFIX = f"{TEMPORARY_PREFIX}gone-"
"""What is being removed is renamed to this first: nothing reads it, and what is left of it is removed later."""
CHECKPOINTS_MAX = 1000
SAVED_MAX = 5000

Entry = Dict[str, Any]


def inventory(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"runs", "bundles", "environments", "left", "saved"}`, each a list of entries, of one `worker` or of
    all, and the `clock_s` by which their ages are told.

    Every entry has {name, bytes, inode, age_s}. A run has {worker, attempts, state, current, checkpoints} besides, a
    bundle and an environment {used}, and what a removal that was cut off left behind says its {place}. What was saved
    of uncommitted work is {worker, name, commit, age_s}.
    """
    root, project = request.root(asked), request.folder_name(asked, "project")
    only = request.folder_name(asked, "worker", "")
    workers = [only] if only else parts.names_in(os.path.join(root.runs, project))[:WORKERS_MAX]
    return {
        "runs": [entry for worker in workers for entry in _runs(root, project, worker)],
        "bundles": _shared(root, "bundle"),
        "environments": _shared(root, "environment"),
        "left": [entry for place in _places(root, project, workers) for entry in _left(place)],
        "saved": _saved(root, project, only),
        "clock_s": time.time(),
    }


def _saved(root: Root, project: str, worker: str) -> List[Entry]:
    place = root.repository(project)
    found = all_saved_work(Git(place), worker)[-SAVED_MAX:] if os.path.isdir(place) else []
    now = time.time()
    return [
        {"worker": one, "name": name, "commit": commit, "age_s": max(0.0, now - saved_at_s(name))}
        for one, name, commit in found
    ]


def _runs(root: Root, project: str, worker: str) -> List[Entry]:
    current = parts.current_run(root, project, worker)
    found = []
    for name in parts.run_names(root, project, worker)[-RUNS_MAX:]:
        run = root.run(project, worker, name)
        if not is_folder(run.path):
            continue
        facts = parts.facts(root, project, worker, name)
        entry = {
            **_entry(run.path),
            "age_s": run_age_s(run),
            "worker": worker,
            "attempts": facts["attempt"],
            "state": parts.verdict(facts)[0].value,
            "current": name == current,
            "checkpoints": checkpoints(run.checkpoints),
        }
        if facts["alive"] or facts["orphans"]:
            entry["state"] = "running"
        found.append(entry)
    return found


def run_age_s(run: RunDir) -> float:
    """Return how long ago the run, or its supervisor, last wrote something."""
    written = (run.attempt(run.last_attempt()).exit, run.heartbeat, run.progress, run.log, run.spec)
    return time.time() - max(_changed_s(path) for path in written)


def age_s(path: str) -> float:
    """Return how long ago anything in a tree changed."""
    return time.time() - measure(path)[1]


def _changed_s(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0


def checkpoints(folder: str) -> List[Entry]:
    """Return {name, bytes, size, mtime_ns, inode, age_s, used} of the plain files in a folder of checkpoints."""
    found, named = [], linked(folder)
    for name in parts.names_in(folder)[:CHECKPOINTS_MAX]:
        path = os.path.join(folder, name)
        try:
            facts = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(facts.st_mode):
            found.append({**_entry(path), "size": facts.st_size, "mtime_ns": facts.st_mtime_ns, "used": name in named})
    return found


def linked(folder: str) -> Set[str]:
    """Return the names in a folder of checkpoints to which links in it or beside it lead, as a `best.pt` may be one."""
    places = [
        os.path.join(place, name) for place in (folder, os.path.dirname(folder)) for name in parts.names_in(place)
    ]
    ends = {os.path.realpath(path) for path in places if os.path.islink(path)}
    return {os.path.basename(end) for end in ends if os.path.dirname(end) == os.path.realpath(folder)}


def _shared(root: Root, kind: str) -> List[Entry]:
    """Bundles or environments, which the projects of a host share."""
    place = root.bundle if kind == "bundle" else root.environment
    names = [name for name in parts.names_in(os.path.dirname(place("x"))) if is_folder(place(name))]
    needed = used(root, kind, names)
    mine = os.path.realpath(bundle_path())
    return [
        {**_entry(place(name)), "used": name in needed or os.path.realpath(place(name)) == mine} for name in names
    ]  # fmt: skip


def _places(root: Root, project: str, workers: List[str]) -> List[str]:
    """The folders in which something may have been left behind."""
    shared = [os.path.dirname(place("x")) for place in (root.bundle, root.environment)]
    return [
        *(root.worker(project, worker) for worker in workers),
        os.path.dirname(root.worktree(project, "x")),
        *shared,
    ]


def _left(place: str) -> List[Entry]:
    try:
        names = sorted(name for name in os.listdir(place) if name.startswith(GONE_PREFIX))
    except OSError:
        return []
    return [{**_entry(os.path.join(place, name)), "place": place} for name in names]


def _entry(path: str) -> Entry:
    taken, newest_s = measure(path)
    age_s = max(0.0, time.time() - newest_s)
    return {"name": os.path.basename(path), "bytes": taken, "inode": inode_of(path), "age_s": age_s}
