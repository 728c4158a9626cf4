"""`env: create`: make the virtual environment that a run's pinned requirements ask for, once a host.

    <root>/envs/<digest>/            the environment; usable once the marker is in it
    <root>/envs/<digest>.lock        held while it is made; says who makes it, and how far they are

Runs as a child of the supervisor, in state `preparing`. Workers with the same requirements share one environment: one
makes it, the others say whom they wait for. One without the marker was left half made and is made anew. A worker with
commands of its own (`setup`) has its environment for itself: they may install its worktree into it.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from dataclasses import dataclass, replace
from typing import List, Tuple

from remote.onhost import parts
from remote.onhost.installing import MARKER, Making, make
from remote.onhost.preparing import INTERVAL_S, Preparing, Telling
from remote.onhost.requirements import with_files
from remote.onhost.spawn import decode_claim
from remote.onhost.wanted import CannotPrepare, Wanted, digest, find_python
from wire.codec import WireError, encode, read_object
from wire.run_dir import Root


def prepare(argv: List[str]) -> int:
    """Make or find the environment; the answer on the inherited pipe is {python} or {reason}."""
    claim, inherited = decode_claim(argv[0])
    os.umask(0o077)
    try:
        spec = parts.read_part(claim.run_dir.spec) or {}
        wanted = Wanted.of(spec.get("environment") or {})
        whose = Whose(claim.root, claim.project, claim.worker, alone=bool(spec.get("setup")))
        answer = {"python": environment_python(whose, wanted, str(spec.get("cwd") or ""), Preparing(claim))}
    except (CannotPrepare, OSError) as exc:
        answer = {"reason": str(exc)}
        print(f"cannot prepare the environment: {exc}", file=sys.stderr)
    os.write(inherited["answer"], encode(answer))
    return 0 if "python" in answer else 1


@dataclass(frozen=True)
class Whose:
    """The worker that an environment is for."""

    root: str
    project: str
    worker: str
    alone: bool
    """True if it has the environment for itself."""


def environment_python(whose: Whose, wanted: Wanted, worktree: str, preparing: Telling) -> str:
    """Return the Python of the environment, which is made if it is not there yet.

    Raises `CannotPrepare` and OSError.
    """
    wanted, python, folder = _found(whose, wanted, worktree)
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    lock = os.open(folder + ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(lock, folder + ".lock", preparing)
        made = _whole(folder)
        if not made:
            make(Making(whose.worker, wanted, python, folder, lock, preparing))
            made = _python_in(folder)
        os.utime(os.path.join(folder, MARKER))  # when it was used last
        preparing.done()
        return made
    finally:
        os.close(lock)


def python_made(whose: Whose, wanted: Wanted, worktree: str) -> str:
    """Return the Python of the environment, '' as long as nobody has made it. Raises `CannotPrepare`."""
    return _whole(_found(whose, wanted, worktree)[2])


def _found(whose: Whose, wanted: Wanted, worktree: str) -> Tuple[Wanted, str, str]:
    """Return what is wanted with the files of the worktree read, the Python to make it with, and its folder."""
    python, version = find_python(wanted)
    owner = f"{whose.project}/{whose.worker}" if whose.alone else ""
    wanted = with_files(replace(wanted, owner=owner), worktree, python)
    return wanted, python, Root(whose.root).environment(digest(wanted, version))


def _whole(folder: str) -> str:
    python = _python_in(folder)
    return python if os.path.exists(os.path.join(folder, MARKER)) and os.access(python, os.X_OK) else ""


def _python_in(folder: str) -> str:
    return os.path.join(folder, "bin", "python")


def _wait_for(lock: int, path: str, preparing: Telling) -> None:
    """Take the environment's lock, saying meanwhile whose work we wait for."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            try:
                holder = read_object(path) or {}
            except WireError:
                holder = {}
            preparing.say(f"waiting for {holder.get('worker') or 'another worker'}: {holder.get('message') or '...'}")
            time.sleep(INTERVAL_S)
