"""What a commit lacks for the work of a worker, found before anything goes to a host.

A push carries neither submodules nor files in Git LFS: the work would find an empty folder, or a pointer of three
lines in the place of its data. Named and refused, unless the worker says that it does without or fetches them itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from remote.clean import clean
from remote.errors import UsageError
from remote.git import Commit, run_git, top_level
from remote.onhost.git import git_argv
from remote.profiles import Worker
from remote.run_spec import REQUIREMENTS, runs_trainer

OWN_TRAINER = ("trainer/__main__.py", REQUIREMENTS, "wire/records.py")
"""A commit with all of these holds a whole trainer."""

_SUBMODULE = b"160000"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_BYTES = range(100, 300)
"""A pointer holds a version, a SHA-256 and a size; the specification's limit is 1024 bytes with all extensions."""
_POINTERS_READ = 100_000
"""Some 30 MB; read only where Git LFS is in use."""


@dataclass(frozen=True)
class _Entry:
    mode: bytes
    object: bytes
    bytes: int
    path: str


async def checked(folder: Path, commit: Commit, worker: Worker) -> Commit:
    """Return the commit with what was found out about it. Raises `UsageError` for what the worker would miss."""
    top = await top_level(folder)
    entries = await _listed(top, commit.hash)
    paths = {entry.path for entry in entries}
    commit = replace(commit, has_trainer=all(name in paths for name in OWN_TRAINER))
    _has_files(commit, worker, paths)
    where = f"{commit.branch or worker.branch} ({commit.hash[:7]})"
    submodules = [entry.path for entry in entries if entry.mode == _SUBMODULE]
    if submodules and "submodules" not in worker.allow_missing:
        raise UsageError(
            f"{where} has {_named(submodules, 'submodule')}, which would be empty on the host",
            hint="`allow_missing: [submodules]` goes without; or fetch them in `setup:`, and say so too",
            code="submodules",
        )
    pointers = [] if "lfs" in worker.allow_missing else await _lfs_pointers(top, entries)
    if pointers:
        raise UsageError(
            f"{where} keeps {_named(pointers, 'file')} in Git LFS: the host would get pointers in their place",
            hint="`allow_missing: [lfs]` goes without; or fetch them in `setup:`, and say so too",
            code="lfs",
        )
    return commit


def _has_files(commit: Commit, worker: Worker, paths: set[str]) -> None:
    if worker.trainer == "worktree" and runs_trainer(worker) and not commit.has_trainer:
        lacking = next(name for name in OWN_TRAINER if name not in paths)
        raise UsageError(
            f"{commit.branch} has no trainer of its own: {lacking} is not in {commit.hash[:7]}",
            hint="`trainer: bundle` runs the one of this laptop",
        )
    if worker.environment == "create" and worker.requirements and worker.requirements not in paths:
        raise UsageError(
            f"{clean(worker.requirements)} is not in {commit.branch} ({commit.hash[:7]})",
            hint="commit it, or mend `requirements:` in profiles.yaml",
        )


async def _listed(top: Path, commit: str) -> list[_Entry]:
    code, out, err = await run_git(git_argv(str(top), ["ls-tree", "-r", "-l", "-z", "--full-tree"], [commit]))
    if code:
        raise UsageError(f"git could not list {commit[:7]}: {clean(err.decode('utf-8', 'replace'))}", code="git_failed")
    return [_entry(item) for item in out.split(b"\0") if item]


def _entry(item: bytes) -> _Entry:
    """One line of ls-tree: `mode type object size<TAB>path`; the size of a submodule is `-`."""
    head, _, path = item.partition(b"\t")
    mode, _, name, size = head.split()
    return _Entry(mode, name, int(size) if size.isdigit() else 0, os.fsdecode(path))


async def _lfs_pointers(top: Path, entries: list[_Entry]) -> list[str]:
    """Paths whose content is a pointer, looked for only where some .gitattributes speaks of LFS."""
    attributes = [entry for entry in entries if entry.path.rpartition("/")[2] == ".gitattributes"]
    contents = await _contents(top, [entry.object for entry in attributes])
    if not any(b"filter=lfs" in content for content in contents):
        return []
    small = [entry for entry in entries if entry.bytes in _POINTER_BYTES][:_POINTERS_READ]
    contents = await _contents(top, [entry.object for entry in small])
    return [entry.path for entry, content in zip(small, contents, strict=True) if content.startswith(_LFS_POINTER)]


async def _contents(top: Path, objects: list[bytes]) -> list[bytes]:
    """The contents of blobs, in order, by one `git cat-file --batch`."""
    if not objects:
        return []
    code, out, err = await run_git(git_argv(str(top), ["cat-file", "--batch"]), given=b"\n".join(objects) + b"\n")
    if code:
        raise UsageError(f"git could not read a commit: {clean(err.decode('utf-8', 'replace'))}", code="git_failed")
    found, at = [], 0
    for _ in objects:
        header, _, _ = out[at : at + 200].partition(b"\n")
        name, *kind_and_size = header.split()
        if len(kind_and_size) != 2:  # `<object> missing`: a damaged repository, or a partial clone without its server
            raise UsageError(
                f"git lacks an object of this commit: {clean(name.decode())[:12]}", hint="git fsck", code="git_failed"
            )
        size = int(kind_and_size[1])
        at += len(header) + 1
        found.append(out[at : at + size])
        at += size + 1
    return found


def _named(paths: list[str], kind: str) -> str:
    shown = ", ".join(clean(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
    return f"{len(paths)} {kind}{'s' * (len(paths) != 1)} ({shown})"
