"""What lies on this laptop of removals and syncs that were cut off, and of checkpoints that were not as their host has
them: nothing reads it, `prune --here` offers it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from remote.fold import FOLDER_NAME
from remote.folders import state_folder
from remote.host_inventory import Thing
from remote.onhost.inventory import GONE_PREFIX
from remote.onhost.measuring import inode_of, measure
from remote.partial_file import PART_PREFIX
from remote.pruning_plan import Item, Kind, Policy
from remote.rsync import PARTIAL_FOLDER
from remote.verify import ASIDE_PREFIX
from wire.run_dir import TEMPORARY_PREFIX

_PREFIXES = (GONE_PREFIX, ASIDE_PREFIX, PART_PREFIX.decode(), PARTIAL_FOLDER)


def leftovers(results: Path, policy: Policy) -> tuple[Item, ...]:
    """Those that are as old as asked for, below the results of the chosen workers."""
    found = []
    for worker in _workers(results, policy):
        things = (_old(path, policy, str(path.parent)) for path in _left(worker))
        found += [Item(Kind.REST, "", thing, worker.name) for thing in things if thing is not None]
    return tuple(found)


def damaged_histories(policy: Policy) -> tuple[Item, ...]:
    """Histories that were damaged and moved aside long ago."""
    things = (_old(path, policy, "") for path in sorted(state_folder().glob("history.sqlite*.damaged-*")))
    return tuple(Item(Kind.HISTORY, "", thing) for thing in things if thing is not None)


def _old(path: Path, policy: Policy, place: str) -> Thing | None:
    """What lies there, None if it is younger than asked for, or gone."""
    taken, newest_s = measure(str(path))
    age_s = max(0.0, time.time() - newest_s)
    old = newest_s and age_s >= policy.older_s
    return Thing(path.name, taken, age_s, inode_of(str(path)), place=place) if old else None


def _workers(results: Path, policy: Policy) -> Iterator[Path]:
    if not results.is_dir():
        return
    for folder in sorted(results.iterdir()):
        chosen = policy.slugs is None or folder.name in policy.slugs
        if chosen and FOLDER_NAME.match(folder.name) and folder.is_dir() and not folder.is_symlink():
            yield folder


def _left(worker: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(worker):
        yield from (Path(folder, name) for name in sorted((*folders, *files)) if name.startswith(_PREFIXES))
        folders[:] = sorted(name for name in folders if not name.startswith(TEMPORARY_PREFIX))
