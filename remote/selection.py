"""Which files of a run come to the laptop: one choice, for rsync as filters and for SFTP and listings as a question.

The first rule that names a path decides: never unfinished files, nor folders that tools here would obey; always the
run's own records, without which nothing here could be read; then `include`, then `exclude`; then of the
checkpoints only best and last. What is excluded as a folder goes with all that is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from remote.onhost.globs import DEEP, is_anchored, matches_any
from wire.run_dir import TEMPORARY_PREFIX

if TYPE_CHECKING:
    from remote.profiles import SyncPolicy

MAX_FILE_BYTES = 64 * 1024**3
"""Larger files stay on the host and are named in the result."""
NEVER = (f"{TEMPORARY_PREFIX}*", ".git/", ".ssh/")
RECORDS = ("spec.json", "progress.json", "result.json", "metrics.jsonl", "heartbeat.json", "gate_decision.json")
ATTEMPTS = "attempts"
CHECKPOINTS = "checkpoints"
KEPT_CHECKPOINTS = ("best.pt", "last.pt")
"""What of the checkpoints comes over unless everything is asked for."""
BEST = f"{CHECKPOINTS}/{KEPT_CHECKPOINTS[0]}"
LEFT_OUT_MAX = 200
"""So many files are left out by name; each is an argument of rsync."""


@dataclass(frozen=True)
class Selection:
    """What comes of one run."""

    everything: bool = False
    """Every checkpoint, not only the best and the last."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Globs, see `remote.onhost.globs`."""
    max_file_bytes: int = MAX_FILE_BYTES
    left_out: tuple[str, ...] = ()
    """Paths of files that stay on the host for want of room here, see `within`."""

    @classmethod
    def of(cls, policy: SyncPolicy, everything: bool = False) -> Selection:
        """What a profile says."""
        return cls(everything, policy.include, policy.exclude, policy.max_file_bytes)

    def takes(self, path: str, is_folder: bool = False) -> bool:
        """True if a path (relative, with `/`) comes, given that the folders above it do."""
        if matches_any(NEVER, path, is_folder):
            return False
        parent, _, name = path.rpartition("/")
        if path in RECORDS or path.split("/", 1)[0] == ATTEMPTS:
            return True
        if path in self.left_out:
            return False
        if matches_any(self.include, path, is_folder):
            return True
        if matches_any(self.exclude, path, is_folder):
            return False
        return self.everything or parent != CHECKPOINTS or name in KEPT_CHECKPOINTS

    def brings(self, path: str, size: int) -> bool:
        """The same for a file of this size of which nothing else is known: each folder above it must come, too."""
        parts = path.split("/")
        above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        comes = all(self.takes(folder, is_folder=True) for folder in above) and self.takes(path)
        return comes and size <= self.max_file_bytes

    def within(self, sizes: Mapping[str, int], limit_bytes: int) -> Selection:
        """The same without the largest of these files, as many as it takes to bring the rest below the limit.

        The best checkpoint goes last of its size, and records never.
        """
        total, left_out = sum(sizes.values()), list[str]()
        for path in sorted(sizes, key=lambda path: (-sizes[path], path == BEST, path)):
            if total <= limit_bytes:
                break
            if path in RECORDS or path.split("/", 1)[0] == ATTEMPTS:
                continue
            if len(left_out) == LEFT_OUT_MAX:  # so many small files: leave out all that are as large as this one
                return replace(self, left_out=tuple(left_out), max_file_bytes=max(1, sizes[path] - 1))
            total -= sizes[path]
            left_out.append(path)
        return replace(self, left_out=tuple(left_out))

    def rsync_filters(self) -> list[str]:
        """The same choice as rsync's options."""
        out = [f"--exclude={pattern}" for pattern in NEVER]
        out += [f"--include=/{name}" for name in (*RECORDS, f"{ATTEMPTS}/", f"{ATTEMPTS}/**")]
        out += [f"--exclude=/{_escaped(path)}" for path in self.left_out]
        out += [f"--include={spelling}" for pattern in self.include for spelling in _spellings(pattern)]
        out += [f"--exclude={spelling}" for pattern in self.exclude for spelling in _spellings(pattern)]
        if not self.everything:
            out += [f"--include=/{CHECKPOINTS}/{name}" for name in KEPT_CHECKPOINTS]
            out += [f"--exclude=/{CHECKPOINTS}/*"]
        return out


def _spellings(pattern: str) -> Iterator[str]:
    """A pattern as rsync writes it: there `**/` is never no folder at all, so that is a spelling of its own."""
    if not is_anchored(pattern):
        yield pattern
        return
    wanted = ["/" + pattern]
    for _ in range(pattern.count(f"{DEEP}/")):
        wanted += [spelling.replace(f"/{DEEP}/", "/", 1) for spelling in wanted]
    yield from dict.fromkeys(wanted)


def _escaped(path: str) -> str:
    """A path as a pattern of rsync's that names nothing else."""
    if not set(path) & set("*?["):
        return path
    return re.sub(r"([*?\[])", r"[\1]", path.replace("\\", "\\\\"))
