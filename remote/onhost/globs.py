"""Patterns of files, as `sync.include`, `sync.exclude` and `collect` of a profile name them, by rsync's rules.

`*` and `?` stand for anything but `/`, `[a-c]` and `[!a]` for one of a set, a part that is `**` for any folders. A
pattern with a `/` in it is a path from the top folder; one without is a name at any depth. A `/` at the end means
folders only.
"""

from __future__ import annotations

import fnmatch
from typing import Iterable, List

DEEP = "**"
PARTS_MAX = 32
DEEP_MAX = 3
"""So many `**` of one pattern."""


def pattern_problem(pattern: str) -> str:
    """Return why `pattern` cannot be one, '' if it can."""
    parts = pattern.rstrip("/").split("/")
    if not pattern.isprintable():
        return "it has characters that a screen does not show"
    if any(part in ("", ".", "..") for part in parts):
        return "it is a path below the folder, such as out/*.png"
    if pattern[0] in "+-!" or "\\" in pattern:
        return "it may not begin with + - or !, nor have a backslash"
    if any(DEEP in part and part != DEEP for part in parts):
        return "`**` stands alone between slashes, as in out/**/*.png"
    if len(parts) > PARTS_MAX or parts.count(DEEP) > DEEP_MAX:
        return f"it has more than {PARTS_MAX} parts, or `**` more than {DEEP_MAX} times"
    return ""


def matches(pattern: str, path: str, is_folder: bool = False) -> bool:
    """True if the pattern names this path (relative, with `/`)."""
    if pattern.endswith("/") and not is_folder:
        return False
    wanted = pattern.rstrip("/")
    if not is_anchored(pattern):
        return wanted == DEEP or fnmatch.fnmatchcase(path.rpartition("/")[2], wanted)
    return _parts_match(wanted.split("/"), path.split("/"))


def matches_any(patterns: Iterable[str], path: str, is_folder: bool = False) -> bool:
    return any(matches(pattern, path, is_folder) for pattern in patterns)


def is_anchored(pattern: str) -> bool:
    """True for a path from the top folder, False for a name at any depth."""
    return "/" in pattern.rstrip("/")


def _parts_match(wanted: List[str], parts: List[str]) -> bool:
    """`**` is no folder or more; at the end it is one name or more."""
    reached = {0}
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        after = set()
        for at in reached:
            while at < len(wanted) and wanted[at] == DEEP:
                after.add(at + 1 if at == len(wanted) - 1 and last else at)
                at += 1
            if at < len(wanted) and fnmatch.fnmatchcase(part, wanted[at]):
                after.add(at + 1)
        reached = after
    return len(wanted) in reached
