"""A worktree taken away: what lies in it beyond its commit is refused first, and with `discard` kept under a ref."""

from __future__ import annotations

import os
from typing import Callable, Tuple

from remote.onhost.own_work import dirty_files, git_folder, ignored_files, is_held, keep, keep_work
from remote.onhost.repository import Git, locked
from remote.onhost.request import Refusal
from wire.run_dir import Root


def remove_worktree(
    root: Root, project: str, worker: str, discard: bool, worker_lock: int, set_aside: Callable[[str], str]
) -> Tuple[str, str]:
    """Return (ref that keeps its work or '', where it was set aside). The caller holds the worker's lock.

    Runs lie elsewhere and stay. Raises `Refusal`.
    """
    path, repository = root.worktree(project, worker), root.repository(project)
    if not os.path.isdir(repository):
        raise Refusal("not_a_worktree", f"{path} belongs to no repository of ours", "move it away by hand")
    with locked(root.repository_lock(project)) as lock:
        kept = _kept(Git(path, (lock, worker_lock)), worker, discard)
        gone = set_aside(path)
        Git(repository, (lock, worker_lock)).run(["worktree", "prune"])
    return kept, gone


def _kept(tree: Git, worker: str, discard: bool) -> str:
    own, ignored = dirty_files(tree), ignored_files(tree)
    nested = [name for name in own if name.endswith("/")]
    if nested:
        raise Refusal("dirty_worktree", f"a repository of its own lies in it: {nested[0]}; move that away first")
    if (own or ignored) and not discard:
        raise Refusal("dirty_worktree", f"{len(own)} changed and {len(ignored)} ignored files lie in it")
    head = tree.ask(["rev-parse", "--verify", "--quiet"], ["HEAD^{commit}"]) or ""
    if own:
        return keep_work(tree, worker, head, git_folder(tree))
    return keep(tree, worker, head) if head and not is_held(tree, head) else ""
