"""A commit's way to the host: pushed over the connection that is there, then checked out in the worker's worktree."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from remote.bridge import Bridge
from remote.connection import Connection
from remote.doors import HOST, PLACE, git_door
from remote.errors import FarSideError, ToolMissing
from remote.farside import FarSide
from remote.git import Commit
from remote.local_program import Ended, run_program
from remote.onhost.git import commit_ref, git_argv, git_environment
from remote.onhost.repository import DISK_FULL

Step = Callable[[str], None]
"""Told what is happening right now, in words for the row of the worker."""

CHECKOUT_TIMEOUT_S = 900.0
_PROGRESS = re.compile(r"(?:Compressing|Writing) objects: +(\d+)%")
_NO_SURPRISES = ("push.pushOption=", "push.negotiate=false", "push.followTags=false")
"""Settings of the user's that would make a push do more than it says."""


async def prepare(
    connection: Connection,
    far: FarSide,
    repo: Path,
    commit: Commit,
    project_id: str,
    worker: str,
    *,
    on_step: Step | None = None,
    discard: bool = False,
) -> str:
    """Bring `commit` to the host and return the path of the worker's worktree, which stands at exactly that commit.

    `worker` is the folder-safe name. Raises `FarSideError` (`dirty_worktree` with `data["files"]`, `running`,
    `no_space`, `push_failed`, ...), `ToolMissing`, and the connection's own errors. With `discard`, work that lies in
    the worktree is kept under a ref and moved out of the way.
    """
    tell = on_step or _silent
    await push(connection, far, repo, commit.hash, project_id, tell)
    asked = {"root": far.root, "project": project_id, "commit": commit.hash}
    tell(f"checking out {commit.hash[:7]}")
    wish = {**asked, "worker": worker, "branch": commit.branch, "snapshot": commit.dirty, "discard": discard}
    made = await far.call("worktree", wish, timeout_s=CHECKOUT_TIMEOUT_S)
    if made.get("kept"):
        tell(f"kept earlier work under {made['kept']}")
    return str(made["path"])


async def push(connection: Connection, far: FarSide, repo: Path, commit: str, project_id: str, tell: Step) -> None:
    """Bring a commit to the host's repository, if it is not there. Raises as `prepare`."""
    await far.ready()
    asked = {"root": far.root, "project": project_id, "commit": commit}
    # Workers that share a commit must not send it each: who comes second finds it there.
    async with far.pushing:
        found = await far.call("repository", asked)
        if not found["has_commit"]:
            tell(f"pushing commit {commit[:7]}")
            ended, bridge = await _push(connection, repo, str(found["path"]), commit, tell)
            # Another laptop may have pushed the same commit at the same time, and won.
            if ended.code and not (await far.call("repository", asked))["has_commit"]:
                raise _push_error(connection.host.name, ended, bridge)


async def _push(connection: Connection, repo: Path, place: str, commit: str, tell: Step) -> tuple[Ended, Bridge]:
    def progress(line: str) -> None:
        if found := _PROGRESS.search(line):
            tell(f"pushing commit {commit[:7]}: {found[1]} %")

    settings = [part for setting in _NO_SURPRISES for part in ("-c", setting)]
    command = [*settings, "push", "--progress", "--no-verify", "--no-recurse-submodules"]
    argv = git_argv(str(repo), command, [f"ssh://{HOST}{PLACE}", f"{commit}:{commit_ref(commit)}"])
    async with Bridge(connection, git_door(place)) as bridge:
        transport = {"GIT_SSH_COMMAND": bridge.command, "GIT_SSH_VARIANT": "simple", "GIT_ALLOW_PROTOCOL": "ssh"}
        env = git_environment(os.environ, {**transport, **bridge.environment})
        try:
            ended = await run_program(argv, env=env, on_error=progress)
        except FileNotFoundError as exc:
            raise ToolMissing(
                "git is not installed here", hint="install git, then try again", code="git_missing"
            ) from exc
    if ended.code and bridge.error is not None:
        raise bridge.error
    return ended, bridge


def _push_error(host: str, ended: Ended, bridge: Bridge) -> FarSideError:
    said = [*ended.errors, bridge.stderr]
    if any(words in line for line in said for words in DISK_FULL):
        return FarSideError(f"{host}: no space left for the commit", hint="free some space there", code="no_space")
    return FarSideError(f"{host}: the commit could not be pushed: {ended.reason}", hint="try again", code="push_failed")


def _silent(step: str) -> None:
    pass
