"""`commits`: what was committed in the worktrees of this host that no launch brought here, and what work was saved."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from remote.onhost import request
from remote.onhost.git import branch_problem, branch_ref, is_hash
from remote.onhost.own_work import dirty_files, saved_work
from remote.onhost.repository import Git
from remote.onhost.request import Refusal
from wire.run_dir import Root

COMMITS_NAMED = 20
SAVED_MAX = 500
_NOT_PUSHED = ("--not", "--glob=refs/trajvid/commits/*")
"""Of a revision, only what no laptop has pushed: each launch keeps its commit under such a ref."""


def commits(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Say what a `worker`, whose branch is called `branch` and is at `here` on the laptop, has that could go home.

    The answer is {head, branch, made, subjects, uncommitted, beside, lacks, saved: [{name, commit}]}.
    `head` is the newest commit ('' = none), `made` how many of its history were made on this host, `subjects` the
    first of them, newest first, as `<hash> <author>: <subject>`; `branch` what is checked out; `beside` a commit of
    the branch that `head` lacks; `lacks` says that it lacks `here`; `saved` what lies under
    `refs/trajvid/wip/<worker>/`, oldest first.
    """
    root = request.root(asked)
    project, worker = request.folder_name(asked, "project"), request.folder_name(asked, "worker")
    branch = request.text(asked, "branch", "")
    if branch and branch_problem(branch):
        raise Refusal("bad_request", f"`branch` cannot be one: {branch_problem(branch)}")
    here = request.text(asked, "here", "")
    if here and not is_hash(here):
        raise Refusal("bad_request", "`here` must be a full commit hash")
    if not os.path.isdir(root.repository(project)):
        nothing: Dict[str, Any] = {"head": "", "branch": "", "made": 0, "subjects": [], "uncommitted": 0, "beside": ""}
        return {**nothing, "lacks": False, "saved": []}
    kept = saved_work(Git(root.repository(project)), worker)[-SAVED_MAX:]
    saved = [{"name": name, "commit": commit} for name, commit in kept]
    newest = _newest(root, project, worker, branch)
    # A commit that is not on this host at all is in no history here.
    lacks = bool(here and newest["head"]) and not _contains(Git(root.repository(project)), here, newest["head"])
    return {**newest, "lacks": lacks, "saved": saved}


def _newest(root: Root, project: str, worker: str, branch: str) -> Dict[str, Any]:
    """The worktree's commit, or the branch's where only that has something of its own.

    A launch that could not move a branch (it had gone its own way) leaves the worktree on no branch.
    """
    repository, path = Git(root.repository(project)), root.worktree(project, worker)
    tree = Git(path) if os.path.isdir(path) else None
    head, on = (_at(tree, "HEAD"), tree.ask(["symbolic-ref", "--quiet", "--short", "HEAD"])) if tree else ("", "")
    tip = _at(repository, branch_ref(branch)) if branch else ""
    made, made_of_tip = (_count(repository, commit) for commit in (head, tip))
    if made_of_tip and not made:
        head, tip, made = tip, "", made_of_tip
    beside = tip if made_of_tip and tip and not _contains(repository, tip, head) else ""
    return {
        "head": head,
        "branch": on or "",
        "made": made,
        "subjects": _subjects(repository, head) if made else [],
        "uncommitted": len(dirty_files(tree)) if tree else 0,
        "beside": beside,
    }


def _at(git: Git, name: str) -> str:
    return git.ask(["rev-parse", "--verify", "--quiet"], [name + "^{commit}"]) or ""


def _count(git: Git, commit: str) -> int:
    return int(git.run(["rev-list", "--count", commit, *_NOT_PUSHED])) if commit else 0


def _contains(git: Git, ancestor: str, commit: str) -> bool:
    return git.ask(["merge-base", "--is-ancestor", ancestor, commit]) is not None


def _subjects(git: Git, commit: str) -> List[str]:
    log = ["log", "--no-show-signature", "--encoding=UTF-8", f"--max-count={COMMITS_NAMED}", "--format=%h %an: %s"]
    return git.run([*log, commit, *_NOT_PUSHED]).decode("utf-8", "replace").splitlines()
