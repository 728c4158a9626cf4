"""How much a tree takes on the disk and when it last changed, without following a link."""

from __future__ import annotations

import os
from typing import Set, Tuple

BLOCK_BYTES = 512
"""Unit of `st_blocks` (stat(2))."""


def measure(path: str) -> Tuple[int, float]:
    """Return (bytes on the disk, newest time of change) of a file or tree; (0, 0.0) if it is not there.

    A file with several names counts once. What cannot be read counts as far as it can.
    """
    seen: Set[Tuple[int, int]] = set()
    taken, newest_s = 0, 0.0
    waiting = [path]
    while waiting:
        one = waiting.pop()
        try:
            facts = os.lstat(one)
            names = os.listdir(one) if is_folder(one) else []
        except (OSError, ValueError):
            continue
        newest_s = max(newest_s, facts.st_mtime)
        if (facts.st_dev, facts.st_ino) not in seen:
            seen.add((facts.st_dev, facts.st_ino))
            taken += facts.st_blocks * BLOCK_BYTES
        waiting.extend(os.path.join(one, name) for name in names)
    return taken, newest_s


def is_folder(path: str) -> bool:
    """True for a folder, false for a link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def inode_of(path: str) -> int:
    """Return what tells this file or folder from a later one of the same name; 0 if it is not there."""
    try:
        return os.lstat(path).st_ino
    except OSError:
        return 0
