"""One digest of what is tested: the same for a commit and for a worktree that holds its content, committed or not."""

from __future__ import annotations

import hashlib
import re
from typing import Dict, Mapping

_LEFT_BEHIND = re.compile(
    rb"(.*/)?(tdd_[^/]+\.txt|evidence\.json|test_coverage_report\.html|\.coverage(\.[^/]*)?|[^/]+\.py[co])\Z"
    rb"|(.*/)?(__pycache__|\.(pytest|mypy|ruff)_cache|\.hypothesis|htmlcov)/"
)
"""What evidence and tools leave in a worktree: not what was tested."""


def tree_entries(listing: bytes) -> Dict[bytes, bytes]:
    """Return path -> mode and object of what `git ls-tree -rz` or `git ls-files -sz` lists, but what tools leave."""
    entries = {}
    for item in filter(None, listing.split(b"\0")):
        facts, _, path = item.partition(b"\t")
        words = facts.split()
        if not _LEFT_BEHIND.match(path):
            entries[path] = words[0] + b" " + next(word for word in words if len(word) >= 40)
    return entries


def tree_digest(entries: Mapping[bytes, bytes]) -> str:
    """Return one digest of the content of `tree_entries`, the same for a commit and for a worktree that is at it."""
    lines = (entries[path] + b"\t" + path + b"\0" for path in sorted(entries))
    return hashlib.sha256(b"".join(lines)).hexdigest()


_TESTS_AND_WORDS = re.compile(
    rb"(.*/)?(test_[^/]*\.py|[^/]*_test\.py|conftest\.py|[^/]+\.(md|rst)|\.gitignore)\Z|(.*/)?tests?/", re.IGNORECASE
)


def is_code(path: bytes) -> bool:
    """True for what is tested: not the tests, by the names that pytest looks for, nor words for people and git."""
    return not _TESTS_AND_WORDS.match(path)


def code_digest(entries: Mapping[bytes, bytes]) -> str:
    """Return one digest of the entries that are code: between two phases, it is the code that must have changed."""
    return tree_digest({path: entry for path, entry in entries.items() if is_code(path)})
