"""`worktrees`: where each worktree of a project stands, and what lies in it that is in no commit."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List

from remote.onhost import parts, request
from remote.onhost.measuring import inode_of, is_folder, measure
from remote.onhost.own_work import dirty_files, ignored_files
from remote.onhost.repository import Git
from remote.onhost.request import Refusal
from wire.run_dir import Root

WORKTREES_MAX = 1000
FILES_NAMED = 50


def worktrees(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"worktrees": [...], "clock_s"}`, one entry a worker that has a worktree (or of one `worker`).

    An entry is {worker, path, bytes, inode, age_s, commit, branch, subject, running, own: [files that git would have
    to keep], own_count, ignored: [files and folders that git ignores], problem}.
    """
    root, project = request.root(asked), request.folder_name(asked, "project")
    only = request.folder_name(asked, "worker", "")
    names = [only] if only else parts.names_in(os.path.dirname(root.worktree(project, "x")))[:WORKTREES_MAX]
    found = [_of(root, project, name) for name in names if is_folder(root.worktree(project, name))]
    return {"worktrees": found, "clock_s": time.time()}


def _of(root: Root, project: str, worker: str) -> Dict[str, Any]:
    path = root.worktree(project, worker)
    taken, newest_s = measure(path)
    entry: Dict[str, Any] = {
        "worker": worker, "path": path, "bytes": taken, "inode": inode_of(path),
        "age_s": max(0.0, time.time() - newest_s), "running": runs(root, project, worker),
        "commit": "", "branch": "", "subject": "", "own": [], "own_count": 0, "ignored": [], "problem": "",
    }  # fmt: skip
    try:
        entry.update(_by_git(Git(path)))
    except Refusal as exc:
        entry["problem"] = exc.message
    return entry


def _by_git(tree: Git) -> Dict[str, Any]:
    own = dirty_files(tree)
    told = (tree.ask(["log", "-1", "--no-show-signature", "--format=%H%n%s"]) or "\n").split("\n", 1)
    ref = tree.ask(["symbolic-ref", "--quiet", "HEAD"]) or ""
    return {
        "commit": told[0],
        "subject": told[-1][:200],
        "branch": ref[len("refs/heads/") :] if ref.startswith("refs/heads/") else "",
        "own": own[:FILES_NAMED],
        "own_count": len(own),
        "ignored": ignored_files(tree)[:FILES_NAMED],
    }


def runs(root: Root, project: str, worker: str) -> str:
    """Return the run of a worker that is going on, '' if none is."""
    name = parts.current_run(root, project, worker)
    if not name:
        return ""
    facts: List[Dict[str, Any]] = [parts.read_run(root.run(project, worker, name))]
    parts.prove_life([(root.run(project, worker, name), facts[0])])
    return name if facts[0]["alive"] else ""
