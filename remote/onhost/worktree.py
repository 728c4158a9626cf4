"""One worktree per worker, at exactly the commit of its run, and never at the price of somebody's work.

Uncommitted work in a worktree is a refusal; with `discard` it becomes a commit under `refs/trajvid/wip/<worker>/`
first, and so do commits that no ref holds. The branch is created here if it is missing, and moved only forward.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict

from remote.onhost import last_use
from remote.onhost import request as ask
from remote.onhost.git import branch_problem, branch_ref, is_hash
from remote.onhost.lock import WorkerLock
from remote.onhost.own_work import dirty_files, git_folder, is_held, keep, keep_work, unlink
from remote.onhost.repository import Git, has_pushed, locked
from remote.onhost.request import Refusal
from remote.onhost.testing import demand_untested
from wire.run_dir import Root

_FILES_NAMED = 50
_UNFINISHED = "trajvid-unfinished"
"""File in the worktree's git folder while a checkout is under way."""


def worktree(request: Dict[str, Any]) -> Dict[str, Any]:
    """Verb: put the worker's worktree at `commit`. `snapshot` says that no branch may hold this commit."""
    root = ask.root(request)
    project, worker = ask.folder_name(request, "project"), ask.folder_name(request, "worker")
    commit, branch = ask.text(request, "commit"), ask.text(request, "branch", "")
    if not is_hash(commit):
        raise Refusal("bad_request", "`commit` must be a full commit hash")
    if branch and branch_problem(branch):
        raise Refusal("bad_request", f"`branch` cannot be one: {branch_problem(branch)}")
    wish = Wish(project, worker, commit, branch, request.get("snapshot") is True, request.get("discard") is True)
    last_use.used(root)
    os.makedirs(root.worker(project, worker), mode=0o700, exist_ok=True)
    # Held meanwhile: the files below a living run must not move, and no launch may start one in the middle.
    with WorkerLock(root.worker_lock(project, worker)) as lock:
        running = lock.take_or_find(root, project, worker)
        if running is not None:
            raise Refusal("running", f"{worker} is running ({running['run']})", "stop it first", run=running["run"])
        return put(root, wish, lock.descriptor)


@dataclass(frozen=True)
class Wish:
    """Where a worktree is to stand."""

    project: str
    worker: str
    commit: str
    branch: str = ""
    snapshot: bool = False
    """True if no branch may hold the commit: it is a snapshot of uncommitted work."""
    discard: bool = False
    """True to move work that lies in the worktree out of the way, under a ref."""


def stands_at(path: str) -> str:
    """Return the commit of a worktree whose checkout was finished, else ''."""
    tree = Git(path)
    folder = tree.ask(["rev-parse", "--absolute-git-dir"]) if os.path.isdir(path) else None
    if folder is None or os.path.exists(os.path.join(folder, _UNFINISHED)):
        return ""
    return tree.ask(["rev-parse", "--verify", "--quiet"], ["HEAD^{commit}"]) or ""


def put(root: Root, wish: Wish, worker_lock: int) -> Dict[str, Any]:
    """Do it, with the worker's lock held by the caller; git inherits it, so it lives as long as git does."""
    repository = root.repository(wish.project)
    if not os.path.isdir(repository):
        raise Refusal("unknown_commit", f"no repository of {wish.project} on this host yet", "push the commit first")
    demand_untested(root, wish.project, wish.worker)
    path = root.worktree(wish.project, wish.worker)
    with locked(root.repository_lock(wish.project)) as lock:
        bare, tree = Git(repository, (lock, worker_lock)), Git(path, (lock, worker_lock))
        if not has_pushed(bare, wish.commit):
            raise Refusal("unknown_commit", f"commit {wish.commit[:12]} is not on this host", "push it first")
        created = register(bare, path, wish.commit)
        kept = "" if created else _clear_way(tree, wish)
        _check_out(tree, wish.commit)
        on_branch = bool(wish.branch) and _take_branch(bare, tree, wish)
    return {"path": path, "created": created, "on_branch": on_branch, "kept": kept}


def register(repository: Git, path: str, commit: str) -> bool:
    """Add a worktree without files at `path` if it is not there; False if it is. Raises `Refusal("not_a_worktree")`."""
    if os.path.lexists(path):
        common = Git(path).ask(["rev-parse", "--path-format=absolute", "--git-common-dir"])
        if common is not None and os.path.realpath(common) == os.path.realpath(repository.folder):
            return False
        try:
            os.rmdir(path)
        except OSError:
            raise Refusal(
                "not_a_worktree", f"{path} is in the way", "move it away on the host, then try again"
            ) from None
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    repository.run(["worktree", "prune"])
    repository.run(["worktree", "add", "--quiet", "--detach", "--no-checkout"], paths=[path, commit])
    return True


def _clear_way(tree: Git, wish: Wish) -> str:
    """Refuse a dirty worktree, or keep its work under a ref and return that ref ('' if there was nothing)."""
    folder = git_folder(tree)
    unfinished = os.path.exists(os.path.join(folder, _UNFINISHED)) or not os.path.exists(os.path.join(folder, "index"))
    if unfinished:
        # We hold the repository's lock and git inherits it, so this is not the lock of a living git of ours.
        unlink(os.path.join(folder, "index.lock"))
    files = dirty_files(tree)
    if files and not (wish.discard or unfinished):
        named = files[:_FILES_NAMED]
        raise Refusal(
            "dirty_worktree",
            f"{len(files)} files in the worktree of {wish.worker} have changes of their own: {', '.join(named[:3])}",
            f"look at {tree.folder} on the host; launch with discard keeps them under refs/trajvid/wip/{wish.worker}/",
            files=named,
        )
    head = tree.ask(["rev-parse", "--verify", "--quiet"], ["HEAD^{commit}"]) or ""
    kept = keep_work(tree, wish.worker, head, folder) if files else ""
    if head and head != wish.commit and not kept and not is_held(tree, head):
        kept = keep(tree, wish.worker, head)
    if files:
        _mark(folder)
        tree.run(["reset", "--hard", "--quiet"])
        tree.run(["clean", "-d", "--force", "--quiet"])
    return kept


def _check_out(tree: Git, commit: str) -> None:
    folder = git_folder(tree)
    _mark(folder)
    tree.run(["checkout", "--quiet", "--force", "--detach", commit])
    if tree.ask(["rev-parse", "HEAD"]) != commit:
        raise Refusal("git_failed", f"the worktree is not at {commit[:12]} after the checkout")
    unlink(os.path.join(folder, _UNFINISHED))


def _take_branch(repository: Git, tree: Git, wish: Wish) -> bool:
    """Bring the branch to the commit and the worktree onto the branch, as far as that loses nothing.

    A snapshot is on no branch: the branch is made at what the snapshot was made from.
    """
    at = wish.commit
    if wish.snapshot:
        at = repository.ask(["rev-parse", "--verify", "--quiet"], [wish.commit + "^^{commit}"]) or ""
    if not at or not _move_branch(repository, branch_ref(wish.branch), at) or at != wish.commit:
        return False
    tree.run(["symbolic-ref", "HEAD", branch_ref(wish.branch)])
    return True


def _move_branch(repository: Git, ref: str, commit: str) -> bool:
    """Create the branch, or move it forward; True if it is at `commit` and no other worktree has it checked out."""
    in_use = f"branch {ref}" in (repository.ask(["worktree", "list", "--porcelain"]) or "").splitlines()
    now = repository.ask(["rev-parse", "--verify", "--quiet"], [ref + "^{commit}"])
    if now == commit:
        return not in_use
    if now is not None:
        forward = repository.ask(["merge-base", "--is-ancestor", now, commit]) is not None
        if in_use or not forward:
            return False
    # May fail (a branch `a` forbids `a/b`): the run does not need the branch, its commit has a ref of its own.
    return repository.ask(["update-ref"], [ref, commit, now or "0" * len(commit)]) is not None


def _mark(folder: str) -> None:
    with open(os.path.join(folder, _UNFINISHED), "w", encoding="ascii"):
        pass
