"""The GPUs of one host as lock files, so that a holder that dies, however it dies, has let go of them.

    slots/<boot>/gpu0       shared by the runs that share GPU 0, or one run's alone if it is exclusive
    slots/<boot>/gpu0.<n>   one sharer each

The locks are held by supervisor and work, as the worker's lock is; the files say for whom. Everybody who takes or
looks at them holds `slots/<boot>/lock` meanwhile. All projects and all laptops that use this root meet here; machines
that share it (a home on a file server) do not, as each has GPUs of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence

from remote.onhost import processes
from remote.onhost.spawn import Claim
from wire.codec import WireError, encode, read_object
from wire.records import JobRecord
from wire.run_dir import Root

Who = Dict[str, Any]


def folder(root: Root) -> str:
    """Return where the lock files of this machine are; no lock outlives its boot."""
    return os.path.join(root.slots, processes.boot_id())


@contextlib.contextmanager
def turn_to_look(root: Root) -> Iterator[None]:
    """Hold the lock of the whole folder, which is made if need be; for less than a second."""
    os.makedirs(folder(root), mode=0o700, exist_ok=True)
    descriptor = opened(os.path.join(folder(root), "lock"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def opened(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def locked(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    """Take a lock if it is free; True if it is ours now."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def who(claim: Claim) -> Who:
    """Return what a lock file says about this supervisor."""
    return {
        "project": claim.project, "worker": claim.worker, "attempt": claim.attempt, "nonce": claim.nonce,
        "pid": os.getpid(), "start_ticks": processes.start_ticks(os.getpid()) or 0, "boot_id": processes.boot_id(),
        "at_s": time.time(),
    }  # fmt: skip


def name(descriptor: int, holder: Who) -> None:
    """Write down for whom a file is locked; on a full disk nobody knows, and the lock holds all the same."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, encode(holder), 0)


JOB_FIELDS = ("attempt", "nonce", "pid", "start_ticks", "boot_id", "at_s")


def read(path: str) -> Who:
    """Return whom a file is locked for, {} if it does not say."""
    try:
        return read_object(path) or {}
    except WireError:
        return {}


def alive(holder: Who) -> bool:
    """Return whether the supervisor in a lock file lives; True if the file does not say."""
    try:
        return processes.prove(JobRecord.from_dict({key: holder[key] for key in JOB_FIELDS})).alive
    except (KeyError, WireError):
        return True


def take(root: Root, gpu: int, share: Optional[int]) -> List[int]:
    """Lock GPU `gpu` for one of at most `share` runs, or alone (None); [] if it is not to be had.

    The last descriptor is the one to write our name into.
    """
    gate = opened(_path(root, gpu))
    if not locked(gate, fcntl.LOCK_EX if share is None else fcntl.LOCK_SH):
        os.close(gate)
        return []
    if share is None:
        return [gate]
    mine = _place(root, gpu, share)
    if mine is None:
        os.close(gate)
        return []
    return [gate, mine]


def close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _place(root: Root, gpu: int, share: int) -> Optional[int]:
    """Lock the first free place of a GPU; None if `share` or more are taken (others may count on more than we do)."""
    mine, taken = None, 0
    for number in sorted({*range(share), *_places(root, gpu)}):
        descriptor = opened(_path(root, gpu, number))
        if not locked(descriptor):
            taken += 1
        elif mine is None:
            mine = descriptor
            continue
        os.close(descriptor)
    if mine is not None and taken >= share:
        os.close(mine)
        return None
    return mine


def holders(root: Root, gpu: int) -> List[Who]:
    """Return for whom GPU `gpu` is locked, one a run."""
    ways = {_path(root, gpu): fcntl.LOCK_SH, **{_path(root, gpu, n): fcntl.LOCK_EX for n in _places(root, gpu)}}
    found = []
    for path, how in ways.items():
        descriptor = opened(path)
        try:
            if not locked(descriptor, how):
                found.append(read(path))
        finally:
            os.close(descriptor)
    return found


def _path(root: Root, gpu: int, place: Optional[int] = None) -> str:
    return os.path.join(folder(root), f"gpu{gpu}" if place is None else f"gpu{gpu}.{place}")


def _places(root: Root, gpu: int) -> List[int]:
    start = f"gpu{gpu}."
    ends = [name[len(start) :] for name in os.listdir(folder(root)) if name.startswith(start)]
    return sorted(int(end) for end in ends if end.isdigit())
