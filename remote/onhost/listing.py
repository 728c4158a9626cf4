"""`files`: what lies in a run's folder, without opening a file or following a link."""

from __future__ import annotations

import itertools
import os
import stat
import time
from collections import deque
from typing import Any, Deque, Dict, Iterator, List, Tuple

from remote.onhost import parts, request
from remote.onhost.request import Refusal
from wire.run_dir import TEMPORARY_PREFIX

ENTRIES_MAX = 5000
FOLDER_MAX = 1000
"""Entries of one folder that are told, so that a folder of frames does not hide the others."""
NAMES_MAX = 100_000
"""Names of one folder that are read at all."""
DEPTH_MAX = 12
TARGET_CHARS = 200

KINDS = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))

Entry = Dict[str, Any]


def files(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return every file below one run (default: the newest): `{run, files, left_out, clock_s}`."""
    root = request.root(asked)
    project, worker = request.folder_name(asked, "project"), request.folder_name(asked, "worker")
    name = request.folder_name(asked, "run", "") or parts.current_run(root, project, worker)
    folder = root.run(project, worker, name).path
    if not name or not os.path.isdir(folder):
        raise Refusal("not_found", f"{worker} has no such run on this host: {name or 'none yet'}")
    found, left_out = walk(folder)
    return {"run": name, "files": found, "left_out": left_out, "clock_s": time.time()}


def walk(folder: str) -> Tuple[List[Entry], int]:
    """Return what lies below `folder`, the upper levels first, and how many entries were left out.

    An entry is `{path, kind, size, mtime_ns}`, a link has its `target` besides. Kinds: file, folder, link, other.
    """
    found: List[Entry] = []
    left_out = 0
    waiting: Deque[Tuple[str, int]] = deque([("", 1)])
    while waiting:
        inner, depth = waiting.popleft()
        names, more = _names(os.path.join(folder, inner))
        left_out += more
        for name in names:
            entry = _entry(folder, os.path.join(inner, name))
            if entry is None:
                continue
            if len(found) == ENTRIES_MAX:
                left_out += 1
                continue
            found.append(entry)
            if entry["kind"] == "folder" and depth < DEPTH_MAX:
                waiting.append((entry["path"], depth + 1))
    return found, left_out


def _names(folder: str) -> Tuple[List[str], int]:
    """The first names of a folder in their order, and how many there are besides; nothing if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, NAMES_MAX))
    except (OSError, ValueError):  # the latter of a path that no file can have
        return [], 0
    names = [name for name in names if not name.startswith(TEMPORARY_PREFIX)]
    return names[:FOLDER_MAX], max(0, len(names) - FOLDER_MAX)


def _entry(folder: str, path: str) -> "Entry | None":
    """One entry, None if it went away meanwhile."""
    whole = os.path.join(folder, path)
    try:
        status = os.lstat(whole)
        kind = next(_kinds(status.st_mode), "other")
        entry = {"path": path, "kind": kind, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        return {**entry, "target": os.readlink(whole)[:TARGET_CHARS]} if kind == "link" else entry
    except OSError:
        return None


def _kinds(mode: int) -> Iterator[str]:
    return (word for test, word in KINDS if test(mode))
