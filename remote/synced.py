"""Which runs are whole on this laptop, and one sync of a run at a time, whatever processes want it.

The marks lie beside the runs' folders, in `<results>/<worker>/.synced/`, where nothing that a host sends can come. So
a run that was home once and was then removed here on purpose is not fetched again by itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote.folders import open_private, private_folder
from remote.snapshot import SyncPhase, SyncStatus
from remote.tidy import tidy, whole
from wire.codec import WireError, encode, read_object
from wire.run_dir import replace_file

FOLDER = ".synced"
MARK_MAX_BYTES = 4 * 1024**2
LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Mark:
    """What the last clean sync of a run proved."""

    run: str
    complete: bool = False
    """True if the run was over, and nothing that the profile wants of it stayed on the host."""
    digests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name of a checkpoint: `sha256` as the host has it, and what identifies the copy here."""
    attempts: int = 0
    """Attempts that the run had made when it came home; 0 if it was not over."""
    left_out: tuple[str, ...] = ()
    """Files that were too large for the profile's limits."""


def read(folder: Path) -> Mark | None:
    """The mark of a run's folder on this laptop; None if either is missing."""
    return _read(folder) if folder.is_dir() else None


def came_home(folder: Path, attempts: int) -> bool:
    """True if a clean sync of the run was made after this many attempts, even if its folder was removed since."""
    mark = _read(folder)
    return mark is not None and mark.attempts >= max(1, attempts)


def write(folder: Path, mark: Mark) -> None:
    """Raises OSError."""
    told = {**vars(mark), "digests": dict(mark.digests), "left_out": list(mark.left_out)}
    private_folder(folder.parent / FOLDER)
    replace_file(str(_mark_path(folder)), encode(told))


def confirm(folder: Path) -> None:
    """Note that a sync has just found the run as its mark says. Raises OSError."""
    os.utime(_mark_path(folder))


def status_here(folder: Path, now: float, wall_s: float) -> SyncStatus:
    """What of a run lies on this laptop, and since when, before anything was synced in this session.

    `now` is monotonic, `wall_s` the laptop's clock: the mark's own time tells the age.
    """
    try:
        if not folder.is_dir():
            return SyncStatus()
        age_s = max(0.0, wall_s - _mark_path(folder).stat().st_mtime)
    except OSError:
        return SyncStatus(folder=str(folder))
    return SyncStatus(SyncPhase.DONE, now - age_s, folder=str(folder))


@asynccontextmanager
async def claim(folder: Path, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Keep other processes from syncing the same run; `on_wait` is called if one has to end first. Raises OSError."""
    lock = open_private(private_folder(folder.parent / FOLDER) / f"{folder.name}.lock", os.O_RDWR)
    try:
        if not _take(lock):
            on_wait()
            while not _take(lock):
                await asyncio.sleep(LOOK_EVERY_S)
        yield
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: better two syncs than none
    return True


def _mark_path(folder: Path) -> Path:
    return folder.parent / FOLDER / f"{folder.name}.json"


def _read(folder: Path) -> Mark | None:
    try:
        told = tidy(read_object(str(_mark_path(folder)), MARK_MAX_BYTES))
        if not isinstance(told, dict) or told.get("run") != folder.name:
            return None
        digests = {name: item for name, item in told["digests"].items() if isinstance(item, dict)}
        left_out = tuple(map(str, told["left_out"]))
        return Mark(folder.name, told["complete"] is True, digests, whole(told["attempts"]), left_out)
    except (WireError, KeyError, TypeError, ValueError, AttributeError):
        return None
