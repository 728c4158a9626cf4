"""Commits merged one by one into a worktree that is nobody's, and what stands in a merge's way, file by file.

No branch moves: HEAD of that worktree is detached. No hook runs. A merge that stops is taken back before the next one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence, Set

from remote.onhost.git import FIXED_IDENTITY
from remote.onhost.own_work import dirty_files, git_folder, is_held, keep, keep_work
from remote.onhost.repository import Git
from remote.onhost.request import Refusal
from remote.onhost.worktree import register

NAME = "integration"
"""Under whose name in `refs/trajvid/wip/` is kept what somebody left in the worktree."""
OURS = "trajvid-integrated"
"""File in the worktree's git folder: the last commit that we made in it."""
FILES_NAMED = 200
_WITHOUT_ASKING = ("-c", "merge.verifySignatures=false", "-c", "rerere.enabled=false", "-c", "merge.renames=true")
_SIDES = {
    "1": "deleted on both sides",
    "12": "deleted in this branch",
    "13": "deleted before, changed in this branch",
    "2": "added before, in the way of this branch",
    "3": "added in this branch, in the way of what is there",
    "23": "added on both sides",
    "123": "changed on both sides",
}
"""Which of the three stages (base, before, this branch) git has of a file that it could not merge."""


@dataclass(frozen=True)
class Part:
    """One branch to merge."""

    name: str
    commit: str


@dataclass(frozen=True)
class Merged:
    """What became of one branch."""

    name: str
    commit: str
    state: str
    """`merged`, `contained` (nothing to do), `conflict`, `unrelated`, or `failed`."""
    files: int = 0
    """How many files it changed."""
    conflicts: List[Dict[str, Any]] = field(default_factory=list)
    """{path, what, among}: `among` are the branches merged before that changed the file, too."""
    why: str = ""

    @property
    def fine(self) -> bool:
        return self.state in ("merged", "contained")


def renew(repository: Git, path: str, base: str) -> str:
    """Make the worktree, or put it back to `base`; return the ref that keeps what somebody left in it, or ''."""
    register(repository, path, base)
    tree = Git(path, repository.locks)
    kept = _keep_what_is_somebodys(tree)
    tree.run(["reset", "--hard", "--quiet"])
    tree.run(["checkout", "--quiet", "--force", "--detach", base])
    tree.run(["clean", "-ffdx", "--quiet"])
    _remember(tree, base)
    return kept


def _keep_what_is_somebodys(tree: Git) -> str:
    """Somebody may have mended a conflict in there. What tests leave, files that git does not know, is nobody's."""
    folder, head = git_folder(tree), _head(tree)
    try:
        with open(os.path.join(folder, OURS), encoding="ascii") as file:
            ours = file.read(64)
    except OSError:
        return ""
    own = tree.run(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]) and dirty_files(tree)
    if own:
        return keep_work(tree, NAME, head, folder)
    return keep(tree, NAME, head) if head != ours and not is_held(tree, head) else ""


def _remember(tree: Git, commit: str) -> None:
    with open(os.path.join(git_folder(tree), OURS), "w", encoding="ascii") as file:
        file.write(commit)


def _head(tree: Git) -> str:
    return tree.ask(["rev-parse", "--verify", "--quiet"], ["HEAD^{commit}"]) or ""


def merge(tree: Git, part: Part, before: Sequence[Part]) -> Merged:
    """Merge one commit into what is there; `before` was merged already."""
    head = _head(tree)
    if tree.ask(["merge-base", "--is-ancestor"], [part.commit, "HEAD"]) is not None:
        return Merged(part.name, part.commit, "contained")
    if tree.ask(["merge-base"], ["HEAD", part.commit]) is None:
        return Merged(part.name, part.commit, "unrelated", why="it has no commit in common with what is there")
    message = f"Merge {part.name} ({part.commit[:12]})"
    how = ["merge", "--no-ff", "--no-edit", "--no-verify", "--no-gpg-sign", "--no-autostash", "--no-rerere-autoupdate"]
    try:
        tree.run([*_WITHOUT_ASKING, *how, "--quiet", "-m", message], [part.commit], **FIXED_IDENTITY)
    except Refusal as exc:
        conflicts = _conflicts(tree, part, before)
        tree.run(["reset", "--hard", "--quiet", head])
        if exc.code != "git_failed":
            raise
        return Merged(part.name, part.commit, "conflict" if conflicts else "failed", 0, conflicts, exc.message)
    _remember(tree, _head(tree))
    return Merged(part.name, part.commit, "merged", len(_changed(tree, head, "HEAD")))


def _conflicts(tree: Git, part: Part, before: Sequence[Part]) -> List[Dict[str, Any]]:
    stages: Dict[str, str] = {}
    for item in tree.run(["ls-files", "--unmerged", "-z"]).split(b"\0"):
        if item:
            told, _, path = os.fsdecode(item).partition("\t")
            stages[path] = stages.get(path, "") + told[-1]
    changed = {one.name: _since_they_parted(tree, one, part) for one in before} if stages else {}
    return [
        {
            "path": path,
            "what": _SIDES.get(sides, "changed on both sides"),
            "among": [name for name, files in changed.items() if path in files],
        }
        for path, sides in list(stages.items())[:FILES_NAMED]
    ]


def _since_they_parted(tree: Git, one: Part, other: Part) -> Set[str]:
    """The files that `one` changed since it had its last commit in common with `other`."""
    parted = tree.ask(["merge-base"], [one.commit, other.commit])
    return _changed(tree, parted, one.commit) if parted else set()


def _changed(tree: Git, before: str, after: str) -> Set[str]:
    names = tree.run(["diff", "--name-only", "--no-renames", "-z", "--ignore-submodules=none"], [before, after])
    return {os.fsdecode(name) for name in names.split(b"\0") if name}
