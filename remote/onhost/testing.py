"""Nothing else uses a worktree while the tests of its worker run in it: a lock that lives as long as they do."""

from __future__ import annotations

import contextlib
import fcntl
import os

from remote.onhost.alone import alone
from remote.onhost.request import Refusal
from wire.run_dir import Root


def testing(root: Root, project: str, worker: str) -> "contextlib.AbstractContextManager[int]":
    """Hold the lock and yield its descriptor, for the tests to inherit. Raises `Refusal` if others run."""
    hint = "wait for them, or end them where they were begun"
    return alone(root.evidence_lock(project, worker), Refusal("busy", f"tests of {worker} run already", hint))


def demand_untested(root: Root, project: str, worker: str) -> None:
    """Refuse to change the files of a worktree in which tests run. The caller holds the worker's lock."""
    path = root.evidence_lock(project, worker)
    if not os.path.exists(path):
        return
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refusal("busy", f"tests run in the worktree of {worker}", "wait until they are over") from None
    finally:
        os.close(lock)
