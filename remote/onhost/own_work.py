"""Work of somebody's own that lies in a worktree: found, and kept under `refs/trajvid/wip/<worker>/`."""

from __future__ import annotations

import calendar
import fnmatch
import os
import re
import shutil
import time
from typing import List, Sequence, Tuple

from remote.onhost.git import FIXED_IDENTITY
from remote.onhost.repository import BYPRODUCTS, Git, has_pushed

WIP = "refs/trajvid/wip/"
TIME_FORMAT = "%Y%m%dT%H%M%S"
HOURLY = "-hourly"
"""How the names of refs end that a supervisor made and may replace by newer ones."""
SAVED_NAME = re.compile(rf"[12]\d{{3}}[01]\d[0-3]\dT[0-2]\d[0-5]\d[0-5]\d-[0-9a-f]{{7}}({HOURLY})?\Z")
"""The name of saved work: when it was saved (UTC), and the hash of its commit."""


def dirty_files(tree: Git) -> List[str]:
    """Return the files with changes of their own, those that git does not know among them."""
    status = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all"]
    return [os.fsdecode(item[3:]) for item in tree.run(status).split(b"\0") if item]


def ignored_files(tree: Git) -> List[str]:
    """Return what no commit of ours can keep, a folder with a `/` at its end, without what runs leave behind.

    That is what git ignores, and submodules that are not as the commit has them: what is in those is theirs.
    """
    status = ["status", "--porcelain=v1", "-z", "--ignored=traditional", "--untracked-files=normal", "--no-renames"]
    found = [os.fsdecode(item[3:]) for item in tree.run(status).split(b"\0") if item.startswith(b"!! ")]
    return [path for path in found if not _is_byproduct(path)] + _changed_submodules(tree)


def _changed_submodules(tree: Git) -> List[str]:
    """Those with other commits, changes or new files: the third field of git-status(1)'s format v2 is then `S...`."""
    status = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=none"]
    fields = [os.fsdecode(item).split(" ", 8) for item in tree.run(status).split(b"\0")]
    return [one[8] + "/" for one in fields if len(one) == 9 and one[0] == "1" and one[2].startswith("S")]


def _is_byproduct(path: str) -> bool:
    name = os.path.basename(path.rstrip("/")) + ("/" if path.endswith("/") else "")
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in BYPRODUCTS)


def keep_work(tree: Git, worker: str, head: str, folder: str) -> str:
    """Commit everything that is not ignored, through an index of its own, and return the ref that holds it."""
    written = written_tree(tree, os.path.join(folder, "index"), os.path.join(folder, "trajvid-index"))
    return keep(tree, worker, committed(tree, f"Work found in the worktree of {worker}", head, written))


def written_tree(tree: Git, index: str, own_index: str, without: Sequence[str] = ()) -> str:
    """Return a tree of everything that is not ignored; what `index` knows of unchanged files spares reading them.

    `index` is only read. Paths in `without` stay as the index has them.
    """
    unlink(own_index)
    unlink(own_index + ".lock")  # of a git that was killed
    if os.path.exists(index):
        shutil.copy2(index, own_index)
    left_out = [f":(top,exclude,literal){path}" for path in without]
    try:
        tree.run(["add", "--all"], paths=left_out, GIT_INDEX_FILE=own_index)
        return tree.run(["write-tree"], GIT_INDEX_FILE=own_index).decode().strip()
    finally:
        unlink(own_index)


def committed(tree: Git, message: str, parent: str, written: str) -> str:
    """Make a commit of a tree, on no branch, and return its hash."""
    parents = ["-p", parent] if parent else []
    made = tree.run(["commit-tree", "--no-gpg-sign", "-m", message, *parents, written], **FIXED_IDENTITY)
    return made.decode().strip()


def keep(tree: Git, worker: str, commit: str, end: str = "") -> str:
    """Hold a commit under a ref of its own, whose name ends with `end`, and return that ref."""
    when = time.strftime(TIME_FORMAT, time.gmtime())
    ref = f"{WIP}{worker}/{when}-{commit[:7]}{end}"
    tree.run(["update-ref"], [ref, commit])
    return ref


def saved_work(tree: Git, worker: str, end: str = "") -> List[Tuple[str, str]]:
    """Return (name below `refs/trajvid/wip/<worker>/`, commit) of what is kept, oldest first; only what ends so."""
    return [(name, commit) for _, name, commit in all_saved_work(tree, worker) if name.endswith(end)]


def all_saved_work(tree: Git, worker: str = "") -> List[Tuple[str, str, str]]:
    """Return (worker, name, commit) of what is kept, of one worker or of all, oldest first."""
    place = WIP + (worker + "/" if worker else "")
    told = tree.run(["for-each-ref", "--format=%(objectname) %(refname)", place]).decode("utf-8", "replace")
    found = [line.split(" ", 1) for line in told.splitlines()]
    parts = [(ref[len(WIP) :].split("/"), commit) for commit, ref in found]
    return sorted((part[0], part[1], commit) for part, commit in parts if len(part) == 2)


def saved_at_s(name: str) -> float:
    """Return when it was saved, as its name says; 0 for a name that says nothing."""
    try:
        return float(calendar.timegm(time.strptime(name[:15], TIME_FORMAT)))
    except ValueError:
        return 0.0


def is_held(tree: Git, commit: str) -> bool:
    """True if some ref holds the commit for good, so that it stays when the worktree leaves it."""
    if has_pushed(tree, commit):
        return True
    refs = tree.ask(["for-each-ref", "--format=%(refname)", "--contains=" + commit]) or ""
    return any(not ref.endswith(HOURLY) for ref in refs.splitlines())


def git_folder(tree: Git) -> str:
    """Return the worktree's own folder of git."""
    return tree.run(["rev-parse", "--absolute-git-dir"])[:-1].decode("utf-8", "surrogateescape")


def unlink(path: str) -> None:
    """Remove a file if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
