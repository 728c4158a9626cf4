"""One at a time: a lock on a file of its own, and a refusal at once where somebody else holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Iterator

from remote.onhost.request import Refusal


@contextlib.contextmanager
def alone(path: str, busy: Refusal) -> Iterator[int]:
    """Hold the lock and yield its descriptor, for processes that shall hold it too. Raises `busy` if it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield descriptor
    finally:
        os.close(descriptor)
