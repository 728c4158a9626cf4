"""`fetch`: work that was committed on a host comes home, by git, over the connection that is there.

    HEAD of the worktree  ->  refs/trajvid/hosts/<host>/<worker>  ->  the worker's branch, if that is a step forward
    its branch there, if that went another way  ->  refs/trajvid/branches/<host>/<worker>

Only full hashes that the host named are asked for, objects are checked as they come, no hook runs, no tag, no
submodule and no branch comes along. Work that is in no commit is saved under `refs/trajvid/wip/` there, every hour of
a run; on request it is saved once more and comes too, and moves nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote.bridge import Bridge
from remote.clean import clean
from remote.doors import HOST, PLACE, git_read_door
from remote.errors import FarSideError, RemoteError, ToolMissing
from remote.git import resolve, top_level
from remote.home_branch import Home, Way, commits_beyond, take_home
from remote.laptop_disk import FREE_FLOOR_BYTES, NO_SPACE, free_bytes, while_allowed
from remote.launching import of_profile
from remote.local_program import run_program
from remote.names import slug
from remote.onhost.git import git_argv, git_environment
from remote.onhost.merging import NAME as MERGING
from remote.onhost.own_work import WIP
from remote.steps import Step, again_when_lost, recorded, steps
from remote.waiting import Waiting, waiting_there
from wire.run_dir import Root

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place

_PROGRESS = re.compile(r"Receiving objects: +(\d+)%")
_SETTINGS = (
    "fetch.fsckObjects=true",
    "fetch.writeCommitGraph=false",
    "fetch.prune=false",
    "fetch.bundleURI=",
    "transfer.bundleURI=false",
    "fetch.recurseSubmodules=false",
)
"""Settings of the user's that would make a fetch do more or less than it says."""
SAVE_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Fetched:
    """What came home of one worker."""

    worker: str
    host: str
    branch: str
    ref: str
    """Holds what came here."""
    waiting: Waiting
    home: Home
    """What became of the branch."""
    new: int = 0
    """So many commits of it the branch lacked before, or lacks still."""
    beside: str = ""
    """Holds what the host's own branch has beside that, '' for nothing."""
    saved: tuple[str, ...] = ()
    """Refs that hold saved work here, oldest first."""


@recorded("fetch")
async def fetch(fleet: Fleet, worker: str, *, saved: bool = False, on_step: Step | None = None) -> Fetched:
    """Bring the commits that were made in a worker's worktree, and with `saved` its uncommitted work.

    The worker's branch moves forward to them if it can; else it stays, and the result says why. May be repeated.
    Raises `UsageError`, `FarSideError`, `ToolMissing`, `RemoteError` (`no_space_here`) and the connection's own.
    """
    place = of_profile(fleet, worker)
    assert place.worker is not None
    branch = place.worker.branch
    top = await top_level(fleet.profile.folder)
    ref = host_ref(place)
    with steps(fleet, worker, on_step) as step:
        if saved:
            step(f"saving what is in no commit on {place.host}")
            await again_when_lost(lambda: _save_there(fleet, place), step)
        step(f"asking {place.host} what was committed there")
        waiting = await again_when_lost(lambda: waiting_there(fleet, place), step)
        wanted = {ref: waiting.head} if waiting.made else {}
        beside = {beside_ref(place): waiting.beside} if waiting.beside else {}
        kept = await again_when_lost(lambda: _saved_there(fleet, place, waiting), step) if saved else {}
        await again_when_lost(lambda: bring(fleet, place.host, top, {**wanted, **beside, **kept}, step), step)
        home = await take_home(top, branch, waiting.head, ref) if waiting.made else Home(Way.NOTHING)
        new = await commits_beyond(top, waiting.head, home.before) if home.before else waiting.made
    fleet.record(
        worker, "fetch", f"git fetch {waiting.head or '(nothing)'}", _result(branch, home, waiting.head, len(kept))
    )
    return Fetched(
        worker, place.host, branch, ref if wanted else "", waiting, home, new, "".join(beside), tuple(sorted(kept))
    )


async def _save_there(fleet: Fleet, place: Place) -> None:
    """Have the host save the work in the worktree as it is now; the hour may not be over, or nothing may run there."""
    far = fleet.far(place.host)
    await far.ready()
    try:
        asked = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug}
        await far.call("save", asked, timeout_s=SAVE_TIMEOUT_S)
    except FarSideError as exc:
        if exc.code not in ("no_worktree", "busy"):
            raise


async def _saved_there(fleet: Fleet, place: Place, waiting: Waiting) -> dict[str, str]:
    """Saved work (ref here -> commit): the worker's, and what lay in the worktree for merging, which is nobody's."""
    merging = replace(place, slug=MERGING, worker=None)
    found = [(place, waiting), (merging, await waiting_there(fleet, merging))]
    return {saved_ref(whose, name): commit for whose, there in found for name, commit in there.saved}


def host_ref(place: Place) -> str:
    """Where the newest commit of a worker's worktree is kept here."""
    return f"refs/trajvid/hosts/{slug(place.host)}/{place.slug}"


def beside_ref(place: Place) -> str:
    """Where the worker's branch on the host is kept here, if the worktree went another way."""
    return f"refs/trajvid/branches/{slug(place.host)}/{place.slug}"


def saved_ref(place: Place, name: str = "") -> str:
    """Where saved work of a worker is kept here."""
    return f"{WIP}{slug(place.host)}/{place.slug}/{name}"


async def bring(fleet: Fleet, host: str, top: Path, wanted: Mapping[str, str], step: Step) -> None:
    """Fetch commits of a host under refs of our own (ref -> hash); those that are here already cost nothing."""
    lacking = {ref: commit for ref, commit in wanted.items() if await resolve(top, ref) != commit}
    if not lacking:
        return
    _demand_space(top)
    step(f"fetching from {host}")

    def progress(line: str) -> None:
        if found := _PROGRESS.search(line):
            step(f"fetching from {host}: {found[1]} %")

    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    options = ["--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-prune", "--force"]
    refspecs = [f"{commit}:{ref}" for ref, commit in lacking.items()]
    argv = git_argv(str(top), [*settings, "fetch", *options], [f"ssh://{HOST}{PLACE}", *refspecs])
    repository = Root(fleet.far(host).root).repository(fleet.profile.project_id)
    async with Bridge(fleet.connection(host), git_read_door(repository)) as bridge:
        transport = {"GIT_SSH_COMMAND": bridge.command, "GIT_SSH_VARIANT": "simple", "GIT_ALLOW_PROTOCOL": "ssh"}
        env = git_environment(os.environ, {**transport, **bridge.environment})
        try:
            running = run_program(argv, env=env, on_error=progress)
            ended = await while_allowed(running, lambda: _demand_space(top))
        except FileNotFoundError as exc:
            raise ToolMissing(
                "git is not installed here", hint="install git, then try again", code="git_missing"
            ) from exc
    if ended.code and bridge.error is not None:
        raise bridge.error
    if ended.code:
        why = f"{host}: its commits could not be fetched: {ended.reason}"
        raise FarSideError(why, hint="try again", code="fetch_failed")


def _demand_space(top: Path) -> None:
    if free_bytes(top) < FREE_FLOOR_BYTES:
        hint = "free some space, then try again; the commits stay on the host"
        raise RemoteError(f"the disk that holds {clean(str(top))} is nearly full", hint=hint, code=NO_SPACE)


def _result(branch: str, home: Home, commit: str, saved: int) -> str:
    """For the record of actions."""
    told = {
        Way.NOTHING: "nothing was committed there",
        Way.HERE: f"{branch} has it already",
        Way.LEFT: f"{branch} stays: {home.why}",
    }.get(home.way, f"{branch} is at {commit[:7]}")
    return f"{told}; {saved} saved" if saved else told
