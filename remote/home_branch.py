"""A commit from a host and the branch of the user's that it belongs to: made, moved forward, or left alone.

A branch moves only forward, with its files if it is checked out without edits; never over work of the user's.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from remote.clean import clean
from remote.git import resolve, run_git, telling_line
from remote.onhost.git import branch_ref, git_argv

_REFLOG = {"GIT_REFLOG_ACTION": "trajvid-tui fetch"}
FILES_NAMED = 3
_PLAINLY = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet")


class Way(StrEnum):
    """What became of the branch."""

    NOTHING = "nothing"
    """Nothing came for it."""
    MADE = "made"
    FORWARD = "forward"
    HERE = "here"
    """It has the commit already."""
    LEFT = "left"
    """It is where it was, and a person has to merge."""


@dataclass(frozen=True)
class Home:
    """A branch after a commit came for it."""

    way: Way
    before: str = ""
    """Where the branch was, '' if there was none."""
    why: str = ""
    """Why it was left alone, cleaned."""
    command: str = ""
    """What a person does then."""


async def take_home(top: Path, branch: str, commit: str, ref: str) -> Home:
    """Bring the local `branch` to `commit`, which `ref` holds, if that is a step forward and costs nobody's work."""
    now = await resolve(top, branch_ref(branch))
    if now and await is_ancestor(top, commit, now):
        return Home(Way.HERE, now)
    place = await _checked_out_at(top, branch)
    merge = f"git switch {shlex.quote(branch)} && git merge {shlex.quote(ref)}"
    if place is not None and place != top:
        merge = f"git -C {shlex.quote(str(place))} merge {shlex.quote(ref)}"
    if now and not await is_ancestor(top, now, commit):
        return Home(Way.LEFT, now, f"it is at {now[:7]} here, at {commit[:7]} there: both moved", merge)
    if place is None:
        # git's own rules for a fetch: forward only, and never under a worktree, a rebase or a bisect.
        argv = git_argv(str(top), ["fetch", *_PLAINLY], [".", f"{commit}:{branch_ref(branch)}"])
        code, _, err = await run_git(argv, _REFLOG)
    else:
        # Without the option git takes what is ignored, a folder too, for worthless: the commit's files replace it.
        merge = f"git -C {shlex.quote(str(place))} merge --ff-only --no-overwrite-ignore {shlex.quote(ref)}"
        gone = "git worktree prune, then fetch again"
        if not place.is_dir():
            return Home(Way.LEFT, now, f"it is checked out in {clean(str(place))}, which is not there", gone)
        if edits := await _edits(place):
            where = f"it is checked out in {clean(str(place))} with {edits} file{'s' * (edits != 1)} not committed"
            return Home(Way.LEFT, now, where, f"commit or stash them, then {merge}")
        how = ["merge", "--ff-only", "--no-overwrite-ignore", "--no-autostash", "--quiet"]
        argv = git_argv(str(place), how, [commit])
        code, _, err = await run_git(argv, _REFLOG)
    if code:
        return Home(Way.LEFT, now, f"git left it alone: {_why(err)}", merge)
    return Home(Way.FORWARD if now else Way.MADE, now)


def _why(err: bytes) -> str:
    """What stopped git, with the first of the files that it names, one an indented line."""
    files = [clean(line.strip()) for line in err.decode("utf-8", "replace").splitlines() if line.startswith("\t")]
    named = ", ".join(files[:FILES_NAMED]) + (", ..." if len(files) > FILES_NAMED else "")
    return f"{telling_line(err)} {named}".rstrip()


async def is_ancestor(top: Path, ancestor: str, commit: str) -> bool:
    """True if the history of `commit` has `ancestor`."""
    code, _, _ = await run_git(git_argv(str(top), ["merge-base", "--is-ancestor", ancestor, commit]))
    return code == 0


async def commits_beyond(top: Path, commit: str, other: str) -> int:
    """How many commits of the history of `commit` that of `other` lacks."""
    _, out, _ = await run_git(git_argv(str(top), ["rev-list", "--count", commit, "--not", other]))
    return int(out or 0)


async def _checked_out_at(top: Path, branch: str) -> Path | None:
    """The working tree that stands on a branch, None if none does."""
    _, out, _ = await run_git(git_argv(str(top), ["worktree", "list", "--porcelain"]))
    for entry in out.decode("utf-8", "surrogateescape").split("\n\n"):
        lines = entry.splitlines()
        if lines and f"branch {branch_ref(branch)}" in lines:
            return Path(lines[0].removeprefix("worktree "))
    return None


async def _edits(place: Path) -> int:
    """How many files of git's have changes there; a file that git does not know is in its way or not: git looks."""
    status = ["status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=dirty"]
    code, out, _ = await run_git(git_argv(str(place), status))
    return len([item for item in out.split(b"\0") if item]) if code == 0 else 1
