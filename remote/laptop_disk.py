"""The laptop's disk during a transfer: a floor of free space is kept, and a transfer ends before it is touched."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from remote.clean import clean
from remote.errors import RemoteError

FREE_FLOOR_BYTES = 1024**3
RESUME_BYTES = FREE_FLOOR_BYTES + 64 * 1024**2
"""A sync that was paused goes on from here: a little above the floor, or it would pause again at once."""
NO_SPACE = "no_space_here"
LOOK_EVERY_S = 0.5
T = TypeVar("T")


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that holds `folder`, or the nearest folder above it that exists. Raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_space(local: Path, floor: int) -> None:
    """Raise `RemoteError` `no_space_here` if the disk has less than `floor` free bytes."""
    if shutil.disk_usage(local).free < floor:
        raise no_space(local)


async def while_allowed(work: Coroutine[Any, Any, T], check: Callable[[], None]) -> T:
    """Await `work`, cancelled as soon as `check`, asked every half second, raises; its error goes on."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=LOOK_EVERY_S)
            if not task.done():
                check()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return task.result()


def no_space(local: Path) -> RemoteError:
    return RemoteError(
        f"the disk that holds {clean(str(local))} is nearly full; the sync was stopped",
        hint="free some space, or set `results:` to another disk; nothing is lost on the host",
        code=NO_SPACE,
    )


def local_error(exc: OSError, local: Path) -> RemoteError:
    """What this laptop's file system refuses, in words."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_space(local)
    return RemoteError(
        f"cannot write results to {clean(str(local))}: {clean(exc.strerror or str(exc))}",
        hint="check `results:` in the profile and its permissions",
        code="results_folder",
    )
