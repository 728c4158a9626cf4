"""Work of somebody's own that lies in a worktree: found, and kept under `refs/trajvid/wip/<worker>/`."""

from __future__ import annotations

import fnmatch
import os
import shutil
import time
from typing import List

from remote.onhost.git import FIXED_IDENTITY
from remote.onhost.repository import BYPRODUCTS, Git, has_pushed


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
    index = os.path.join(folder, "trajvid-index")
    unlink(index)
    if os.path.exists(os.path.join(folder, "index")):
        shutil.copy2(os.path.join(folder, "index"), index)
    try:
        tree.run(["add", "--all"], GIT_INDEX_FILE=index)
        written = tree.run(["write-tree"], GIT_INDEX_FILE=index).decode().strip()
    finally:
        unlink(index)
    message = f"Work found in the worktree of {worker}"
    parent = ["-p", head] if head else []
    made = tree.run(["commit-tree", "--no-gpg-sign", "-m", message, *parent, written], **FIXED_IDENTITY)
    return keep(tree, worker, made.decode().strip())


def keep(tree: Git, worker: str, commit: str) -> str:
    """Hold a commit under a ref of its own and return that ref."""
    when = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    ref = f"refs/trajvid/wip/{worker}/{when}-{commit[:7]}"
    tree.run(["update-ref"], [ref, commit])
    return ref


def is_held(tree: Git, commit: str) -> bool:
    """True if some ref holds the commit, so that it stays when the worktree leaves it."""
    if has_pushed(tree, commit):
        return True
    return bool(tree.ask(["for-each-ref", "--count=1", "--format=x", "--contains=" + commit]))


def git_folder(tree: Git) -> str:
    """Return the worktree's own folder of git."""
    return tree.run(["rev-parse", "--absolute-git-dir"])[:-1].decode("utf-8", "surrogateescape")


def unlink(path: str) -> None:
    """Remove a file if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
