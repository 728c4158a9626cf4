"""Unfinished files of ours that nobody will finish: whoever wrote them was killed. `doctor` counts and removes them.

Only where we write them is looked, never in a worktree or among results; what is younger than a day, what names a
process that lives, and everything of a run that gave a sign of life today stays.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from typing import Any, Dict, Iterator, List

from remote.onhost import processes
from remote.onhost.digests import MEMORY
from remote.onhost.measuring import is_folder, measure
from wire.clock import possible
from wire.run_dir import TEMPORARY_PREFIX, Root, RunDir

DAY_S = 86400.0
_NUMBER = re.compile(r"[.-](\d+)(?=[.-]|$)")


def leftovers(root: Root, now_s: float) -> List[str]:
    """Return the paths of what is left, as a clock that says `now_s` tells their age: none if it cannot be right."""
    if not possible(now_s):
        return []
    return [path for folder in _places(root, now_s) for path in _stale(folder, now_s)]


def told(root: Root, *, fix: bool) -> Dict[str, Any]:
    """Return {count, bytes} of what is left; with `fix` remove it, and return {removed} besides."""
    paths = leftovers(root, time.time())
    answer = {"count": len(paths), "bytes": sum(measure(path)[0] for path in paths), "removed": 0}
    for path in paths if fix else ():
        if is_folder(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            _unlink(path)
        answer["removed"] += not os.path.lexists(path)
    return answer


def _places(root: Root, now_s: float) -> Iterator[str]:
    for kind in ("bundles", "envs", "slots"):
        yield os.path.join(root.path, kind)
    for project in _folders(root.runs):
        yield project
        for worker in _folders(project):
            yield worker
            for path in _folders(worker):
                run = RunDir(path)
                if now_s - _changed_s(run.heartbeat) >= DAY_S:
                    yield from (run.path, run.checkpoints, *_folders(run.attempts))


def _stale(folder: str, now_s: float) -> Iterator[str]:
    for name in _names(folder):
        path = os.path.join(folder, name)
        if name.startswith(TEMPORARY_PREFIX) and name != MEMORY and not _has_writer(name):
            newest_s = measure(path)[1]
            if newest_s and now_s - newest_s >= DAY_S:
                yield path


def _has_writer(name: str) -> bool:
    """True if a number in the name is that of a process that lives: most of ours are called after their writer."""
    return any(processes.start_ticks(int(number)) is not None for number in _NUMBER.findall(name) if len(number) < 11)


def _folders(path: str) -> List[str]:
    found = [os.path.join(path, name) for name in _names(path) if not name.startswith(TEMPORARY_PREFIX)]
    return [one for one in found if is_folder(one)]


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder)) if is_folder(folder) else []
    except OSError:
        return []


def _changed_s(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
