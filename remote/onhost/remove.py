"""`remove`: take away what a laptop chose from `inventory` or `worktrees`, after looking again whether it may go.

A thing is renamed first, so that it is gone at once for everybody who reads, and then removed; links are removed,
never followed. What is current, active, held, in use, younger than asked, or no longer the same thing, stays.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import time
from typing import Any, Callable, Dict

from remote.onhost import parts, request
from remote.onhost.alone import alone
from remote.onhost.in_use import used
from remote.onhost.inventory import GONE_PREFIX, age_s, linked, run_age_s
from remote.onhost.lock import WorkerLock
from remote.onhost.measuring import inode_of, is_folder, measure
from remote.onhost.own_work import WIP, saved_at_s
from remote.onhost.repository import Git, locked
from remote.onhost.request import Refusal
from remote.onhost.worktree_removal import remove_worktree
from wire.run_dir import Root
from wire.state import State

ITEMS_MAX = 100
GONE = "it is gone already"
OVER = (State.COMPLETED, State.FAILED, State.STOPPED, State.LOST)
"""States of runs that may go; a held one waits for somebody."""
KEPT_CHECKPOINTS = ("best.pt", "last.pt")

Item = Dict[str, Any]


def remove(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Remove each of `items`; return `{"removed": [{freed_bytes, skipped, kept}]}` in their order.

    An item is {kind, worker, name, inode, age_s} with the least age that it must have; a checkpoint names its `run`,
    a worktree may say `discard`. `skipped` says why it is still there, `kept` under which ref work of a worktree lies.
    """
    root, project = request.root(asked), request.folder_name(asked, "project")
    items = asked.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items) or len(items) > ITEMS_MAX:
        raise Refusal("bad_request", f"`items` must be a list of at most {ITEMS_MAX} objects")
    return {"removed": [_one(root, project, item) for item in items]}


def _one(root: Root, project: str, item: Item) -> Dict[str, Any]:
    answer = {"freed_bytes": 0, "skipped": "", "kept": ""}
    kind = str(item.get("kind"))
    try:
        if kind not in KINDS:
            raise Refusal("bad_request", f"no such kind of thing: {kind[:40]!r}")
        answer.update(KINDS[kind](root, project, item))
    except Refusal as exc:
        answer["skipped"] = exc.message
    except OSError as exc:
        answer["skipped"] = f"{exc.strerror}: {exc.filename}"
    return answer


def _run(root: Root, project: str, item: Item) -> Dict[str, Any]:
    worker, name = request.folder_name(item, "worker"), request.folder_name(item, "name")
    path = root.run(project, worker, name).path
    _demand_age(run_age_s(root.run(project, worker, name)), item)
    return _removed(_take_away(root, project, worker, name, path, item))


def _checkpoint(root: Root, project: str, item: Item) -> Dict[str, Any]:
    worker, run = request.folder_name(item, "worker"), request.folder_name(item, "run")
    name = request.folder_name(item, "name")
    if name in KEPT_CHECKPOINTS:
        raise Refusal("needed", f"{name} is what a run goes on from")
    path = os.path.join(root.run(project, worker, run).checkpoints, name)
    if not is_folder(os.path.dirname(path)) or not stat.S_ISREG(os.lstat(path).st_mode):
        raise Refusal("changed", "it is no plain file")
    if name in linked(os.path.dirname(path)):
        raise Refusal("needed", f"a link leads to {name}")
    return _removed(_take_away(root, project, worker, run, path, item))


def _shared(kind: str) -> Callable[[Root, str, Item], Dict[str, Any]]:
    def one(root: Root, _project: str, item: Item) -> Dict[str, Any]:
        name = request.folder_name(item, "name")
        path = root.bundle(name) if kind == "bundle" else root.environment(name)
        # An environment's lock is held, so that nobody begins to use it.
        in_use = Refusal("in_use", "a run is about to use it")
        with alone(path + ".lock", in_use) if kind == "environment" else contextlib.nullcontext():
            _demand_same(path, item)
            _demand_age(age_s(path), item)
            if name in used(root, kind, [name]):
                raise Refusal("in_use", "it is in use")
            gone = _set_aside(path)
        return _removed(gone)

    return one


def _left(root: Root, project: str, item: Item) -> Dict[str, Any]:
    """What an earlier removal did not finish; its name is all that it needs to be."""
    name, place = request.text(item, "name"), request.text(item, "place")
    inside = os.path.relpath(os.path.join(place, name), root.path)
    if not name.startswith(GONE_PREFIX) or "/" in name or inside.startswith("..") or os.path.islink(place):
        raise Refusal("bad_name", f"not left behind by a removal: {name[:80]!r}")
    _demand_same(os.path.join(place, name), item)
    return _removed(os.path.join(place, name))


def _worktree(root: Root, project: str, item: Item) -> Dict[str, Any]:
    worker = request.folder_name(item, "worker")
    path = root.worktree(project, worker)
    os.makedirs(root.worker(project, worker), mode=0o700, exist_ok=True)
    with WorkerLock(root.worker_lock(project, worker)) as lock:
        running = lock.take_or_find(root, project, worker)
        if running is not None:
            raise Refusal("running", f"{worker} is running ({running['run']})")
        _demand_same(path, item)
        kept, gone = remove_worktree(root, project, worker, item.get("discard") is True, lock.descriptor, _set_aside)
    return {**_removed(gone), "kept": kept}


def _saved(root: Root, project: str, item: Item) -> Dict[str, Any]:
    """Let go of saved work; git itself removes what nothing holds any more, when it tidies the repository."""
    worker, name = request.folder_name(item, "worker"), request.folder_name(item, "name")
    commit = request.text(item, "place")
    _demand_age(time.time() - saved_at_s(name), item)
    with locked(root.repository_lock(project)) as lock:
        if Git(root.repository(project), (lock,)).ask(["update-ref", "-d"], [f"{WIP}{worker}/{name}", commit]) is None:
            raise Refusal("changed", "it is not what it was when it was listed; look again")
    return {}


KINDS: Dict[str, Callable[[Root, str, Item], Dict[str, Any]]] = {
    "run": _run,
    "checkpoint": _checkpoint,
    "worktree": _worktree,
    "bundle": _shared("bundle"),
    "environment": _shared("environment"),
    "left": _left,
    "saved": _saved,
}


def _take_away(root: Root, project: str, worker: str, run: str, path: str, item: Item) -> str:
    """Set aside what belongs to a run that is over, while no launch can take the run up; return where it is now.

    Another run may hold the worker's lock all the time. If it has ended meanwhile, somebody may have resumed this one
    behind our back: then the step is undone.
    """
    with WorkerLock(root.worker_lock(project, worker)) as lock:
        before = lock.take_or_find(root, project, worker)
        if before is not None and before["run"] == run:
            raise Refusal("running", f"{before['attempt']} is running")
        _demand_same(path, item)
        _demand_over(root, project, worker, run)
        gone = _set_aside(path)
        if before is not None and lock.take_or_find(root, project, worker) != before:
            os.rename(gone, path)
            raise Refusal("changed", "another run of this worker ended just now; try again")
    return gone


def _demand_over(root: Root, project: str, worker: str, run: str) -> None:
    if run == parts.current_run(root, project, worker):
        raise Refusal("needed", "it is the newest run of its worker")
    facts = parts.facts(root, project, worker, run)
    state = parts.verdict(facts)[0]
    if facts["alive"] or facts["orphans"] or state not in OVER:
        raise Refusal("needed", f"it is {'running' if facts['alive'] or facts['orphans'] else state.value}")


def _demand_same(path: str, item: Item) -> None:
    """The thing that was shown, not a later one of its name, and not used again since."""
    inode = inode_of(path)
    if not inode:
        raise Refusal("not_found", GONE)
    if inode != item.get("inode"):
        raise Refusal("changed", "it is not what it was when it was listed; look again")


def _demand_age(age_s: float, item: Item) -> None:
    if age_s < request.number(item, "age_s", 0.0):
        raise Refusal("changed", f"it was used {age_s:.0f} s ago")


def _set_aside(path: str) -> str:
    """Rename to a name that nothing reads, in the same folder, and return it."""
    gone = os.path.join(os.path.dirname(path), f"{GONE_PREFIX}{secrets.token_hex(4)}-{os.path.basename(path)}"[:250])
    os.rename(path, gone)
    return gone


def _removed(gone: str) -> Dict[str, Any]:
    """Remove what was set aside. What cannot go is left for the next time, and said."""
    taken, _ = measure(gone)
    if not is_folder(gone):
        os.unlink(gone)
        return {"freed_bytes": taken}
    shutil.rmtree(gone, ignore_errors=True)
    if os.path.lexists(gone):
        _open_folders(gone)
        shutil.rmtree(gone, ignore_errors=True)
    if not os.path.lexists(gone):
        return {"freed_bytes": taken}
    left, _ = measure(gone)
    return {"freed_bytes": max(0, taken - left), "skipped": f"a part of it cannot be removed: {gone}"}


def _open_folders(path: str) -> None:
    """Folders that their owner has closed to himself keep what is in them."""
    for folder, names, _ in os.walk(path):
        for name in names:
            inner = os.path.join(folder, name)
            if is_folder(inner):
                with contextlib.suppress(OSError):
                    os.chmod(inner, 0o700)
