"""Nothing else uses a worktree while the tests of its worker run in it: a lock that lives as long as they do."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Iterator

from remote.onhost.request import Refusal
from wire.run_dir import Root


@contextlib.contextmanager
def testing(root: Root, project: str, worker: str) -> Iterator[int]:
    """Hold the lock and yield its descriptor, for the tests to inherit. Raises `Refusal` if others run."""
    lock = _opened(root, project, worker)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                "busy", f"tests of {worker} run already", "wait for them, or end them where they were begun"
            ) from None
        yield lock
    finally:
        os.close(lock)


def demand_untested(root: Root, project: str, worker: str) -> None:
    """Refuse to change the files of a worktree in which tests run. The caller holds the worker's lock."""
    if not os.path.exists(root.evidence_lock(project, worker)):
        return
    lock = _opened(root, project, worker)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refusal("busy", f"tests run in the worktree of {worker}", "wait until they are over") from None
    finally:
        os.close(lock)


def _opened(root: Root, project: str, worker: str) -> int:
    path = root.evidence_lock(project, worker)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
