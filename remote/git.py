"""The user's repository, read only: which commit a worker runs, also of work that is not committed yet.

A run is a commit. A dirty working tree becomes one through an index of its own: the user's branch, index and files
stay as they are; only objects are added. `.gitignore` is obeyed.
"""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from remote.clean import clean
from remote.errors import Declined, ToolMissing, UsageError
from remote.local_program import output_of
from remote.onhost.git import FIXED_IDENTITY, branch_problem, branch_ref, git_argv, git_environment

CONSENT_BYTES = 50 * 1024 * 1024
"""Untracked files of more than this are taken only after a question."""

Consent = Callable[[tuple[str, ...], int], Awaitable[bool]]
"""Asked with the names and the total size of the untracked files that a snapshot would take."""


@dataclass(frozen=True)
class Commit:
    """What a run starts from."""

    hash: str
    branch: str
    """The branch that the run belongs to; it need not exist here."""
    subject: str
    dirty: bool = False
    """True if this is a snapshot of uncommitted work, which no branch holds."""
    untracked: tuple[str, ...] = ()
    """Untracked files that the snapshot took, relative to the repository, cleaned for the screen."""
    untracked_bytes: int = 0
    has_trainer: bool = False
    """True if it holds a trainer of its own; `remote.commit_checks` looks."""


@dataclass(frozen=True)
class _Source:
    commit: str
    """'' while the checked-out branch has no commit yet."""
    checked_out: bool
    """True if it is what the working tree was checked out from, so uncommitted work belongs to it."""


@dataclass(frozen=True)
class _Changes:
    paths: tuple[str, ...]
    untracked: tuple[str, ...]
    untracked_bytes: int
    newest_s: int


async def snapshot(repo: Path, branch: str, base: str, *, consent: Consent | None = None) -> Commit:
    """Return the commit that a worker of `branch` runs: the branch if it exists, else `base`.

    If that is what is checked out and there is uncommitted work, the work is in the commit. The same work gives the
    same commit, so four workers share one. With `consent`, untracked files above `CONSENT_BYTES` are asked for before
    anything is written. Raises `UsageError` (no repository, unknown base, no commit yet), `Declined`, `ToolMissing`.
    """
    top = await top_level(repo)
    problem = branch_problem(branch) if branch else ""
    if problem or clean(branch) != branch:
        raise UsageError(
            f"{clean(branch)!r} cannot be a branch: {problem or 'not clean'}",
            hint="choose another name in profiles.yaml",
        )
    source = await _source(top, branch, base)
    changes = await _changes(top) if source.checked_out else _Changes((), (), 0, 0)
    if not changes.paths:
        if not source.commit:
            raise UsageError(
                f"{clean(str(top))} has no commit yet, and nothing to take", hint="git add and git commit first"
            )
        return Commit(source.commit, branch, (await _describe(top, source.commit))[0])
    large = changes.untracked_bytes > CONSENT_BYTES
    if large and consent is not None and not await consent(changes.untracked, changes.untracked_bytes):
        raise Declined(
            f"{len(changes.untracked)} untracked files of {changes.untracked_bytes / 2**20:.0f} MiB were not taken",
            hint="commit what the run needs, or name the rest in .gitignore",
        )
    # Named for what is checked out, not for the worker's branch: the same work must be the same commit for all.
    on = await _checked_out_branch(top) or "a detached HEAD"
    subject = f"Uncommitted work on {on}: {len(changes.paths)} file{'s' * (len(changes.paths) != 1)}"
    commit = await _commit_tree(top, source.commit, changes, subject)
    return Commit(commit, branch, clean(subject), True, changes.untracked, changes.untracked_bytes)


async def top_level(repo: Path) -> Path:
    """Return the root of the working tree around `repo`. Raises `UsageError` outside of one."""
    code, out, err = await run_git(git_argv(str(repo), ["rev-parse", "--show-toplevel"]))
    if code:
        raise UsageError(
            f"{clean(str(repo))} is not in a git working tree: {telling_line(err)}",
            hint="start in your repository, or git init and commit there",
        )
    return Path(os.fsdecode(out.removesuffix(b"\n")))


async def _source(top: Path, branch: str, base: str) -> _Source:
    head = await _checked_out_branch(top)
    if branch:
        if branch == head:
            return _Source(await resolve(top, "HEAD"), True)
        if commit := await resolve(top, branch_ref(branch)):
            return _Source(commit, False)
    if base in ("HEAD", "@") or base == head:
        return _Source(await resolve(top, "HEAD"), True)
    commit = await resolve(top, f"refs/heads/{base}") or await resolve(top, base)
    if not commit:
        near = await _nearest(top, base)
        raise UsageError(
            f"no branch, tag or commit named {clean(base)!r} in {clean(str(top))}",
            hint=f"did you mean {' or '.join(near)}?"
            if near
            else "set `base:` in profiles.yaml to a branch that exists",
            code="unknown_base",
        )
    return _Source(commit, False)


async def _checked_out_branch(top: Path) -> str:
    """Name of the checked-out branch, also of one without a commit; '' if HEAD is detached."""
    code, out, _ = await run_git(git_argv(str(top), ["symbolic-ref", "--quiet", "--short", "HEAD"]))
    return os.fsdecode(out.strip(b"\n")) if code == 0 else ""


async def resolve(top: Path, name: str) -> str:
    """The commit that `name` stands for, '' if there is none."""
    if not name or "\0" in name:
        return ""
    code, out, _ = await run_git(git_argv(str(top), ["rev-parse", "--verify", "--quiet"], [name + "^{commit}"]))
    return out.decode().strip() if code == 0 else ""


async def _nearest(top: Path, name: str) -> list[str]:
    pattern = ["refs/heads", "refs/tags", "refs/remotes"]
    _, out, _ = await run_git(git_argv(str(top), ["for-each-ref", "--format=%(refname:lstrip=2)", *pattern]))
    names = out.decode("utf-8", "replace").splitlines()
    return [clean(near) for near in difflib.get_close_matches(name, names, n=3, cutoff=0.5)]


async def _describe(top: Path, commit: str) -> tuple[str, int]:
    """Subject (cleaned) and committer time of a commit."""
    show = ["-c", "log.showSignature=false", "show", "-s", "--encoding=UTF-8", "--format=%ct %s"]
    out = await _must(git_argv(str(top), show, [commit]))
    seconds, _, subject = out.decode("utf-8", "replace").partition(" ")
    return clean(subject.strip()), int(seconds)


async def _changes(top: Path) -> _Changes:
    """What `git add --all` would take, without touching anything."""
    status = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty"]
    out = await _must(git_argv(str(top), status))
    entries = [(item[:2], os.fsdecode(item[3:])) for item in out.split(b"\0") if item]
    total, newest = 0, 0
    for kind, path in entries:
        try:
            found = os.lstat(top / path)
        except OSError:
            continue
        newest = max(newest, int(found.st_mtime))
        total += found.st_size if kind == b"??" else 0
    untracked = tuple(clean(path) for kind, path in entries if kind == b"??")
    return _Changes(tuple(path for _, path in entries), untracked, total, newest)


async def _commit_tree(top: Path, parent: str, changes: _Changes, subject: str) -> str:
    """Make a commit of the working tree through a temporary index; the time is that of the newest edit."""
    newest = max(changes.newest_s, (await _describe(top, parent))[1] if parent else 0)
    with tempfile.TemporaryDirectory(prefix="tv-") as folder:
        index = Path(folder) / "index"
        found = await _must(git_argv(str(top), ["rev-parse", "--path-format=absolute", "--git-path", "index"]))
        with_stat_cache = Path(os.fsdecode(found.removesuffix(b"\n")))
        if with_stat_cache.exists():
            shutil.copy2(with_stat_cache, index)  # with its time: git distrusts entries as young as the index
        own_index = {"GIT_INDEX_FILE": str(index)}
        await _must(git_argv(str(top), ["add", "--all"]), own_index)
        tree = (await _must(git_argv(str(top), ["write-tree"]), own_index)).decode().strip()
    when = {"GIT_AUTHOR_DATE": f"@{newest} +0000", "GIT_COMMITTER_DATE": f"@{newest} +0000"}
    known, _, _ = await run_git(git_argv(str(top), ["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"]))
    identity = FIXED_IDENTITY if known else {}
    command = ["commit-tree", "--no-gpg-sign", "-m", subject, *(["-p", parent] if parent else []), tree]
    return (await _must(git_argv(str(top), command), {**identity, **when})).decode().strip()


async def _must(argv: list[str], more: Mapping[str, str] | None = None) -> bytes:
    code, out, err = await run_git(argv, more)
    if code:
        raise UsageError(f"git could not read the working tree: {telling_line(err)}", code="git_failed")
    return out


def telling_line(err: bytes) -> str:
    """Of what git said on stderr, the line that says why, cleaned."""
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return clean((telling or lines or ["no message"])[0])


async def run_git(
    argv: list[str], more: Mapping[str, str] | None = None, given: bytes | None = None
) -> tuple[int, bytes, bytes]:
    """Run git on the input `given`; its code, output and errors. Killed when cancelled. Raises `ToolMissing`."""
    try:
        return await output_of(argv, git_environment(os.environ, more or {}), given)
    except FileNotFoundError as exc:
        raise ToolMissing("git is not installed here", hint="install git, then try again", code="git_missing") from exc
