"""What was made in a worker's worktree on its host and has not come home: asked of the host, which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remote.clean import clean
from remote.errors import FarSideError
from remote.git import resolve, top_level
from remote.home_branch import commits_beyond
from remote.launching import of_profile
from remote.onhost.git import branch_ref, is_hash
from remote.onhost.own_work import SAVED_NAME
from remote.tidy import whole
from wire.codec import WireError

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place

COMMITS_SHOWN = 20


@dataclass(frozen=True)
class Waiting:
    """What a host has that could go home."""

    head: str
    made: int
    """So many commits were made there."""
    subjects: tuple[str, ...] = ()
    """The first of them, newest first: `<hash> <author>: <subject>`."""
    branch: str = ""
    """What is checked out there, '' for no branch."""
    uncommitted: int = 0
    """Files in the worktree that are in no commit."""
    beside: str = ""
    """A commit of the host's own branch that `head` lacks."""
    lacks: bool = False
    """True if `head` lacks the commit that its branch has here."""
    saved: tuple[tuple[str, str], ...] = ()
    """(name, commit) of work that the host saved, oldest first."""


@dataclass(frozen=True)
class Look:
    """What of a worker's commits the branch here lacks."""

    host: str
    branch: str
    commits: int
    """So many, 0 if it has all; some of them may have come already unless `fetched`."""
    fetched: bool
    """True if they are here, and wait to be merged."""
    uncommitted: int


async def look(fleet: Fleet, worker: str) -> Look:
    """Compare what was committed on a worker's host with its branch here. Brings nothing, moves nothing.

    Raises `UsageError`, `FarSideError` and the connection's own.
    """
    place = of_profile(fleet, worker)
    assert place.worker is not None
    branch, top = place.worker.branch, await top_level(fleet.profile.folder)
    there, now = await waiting_there(fleet, place), await resolve(top, branch_ref(branch))
    fetched = there.made > 0 and bool(await resolve(top, there.head))
    commits = await commits_beyond(top, there.head, now) if fetched and now else there.made
    return Look(place.host, branch, commits, fetched, there.uncommitted)


async def waiting_there(fleet: Fleet, place: Place, here: str = "") -> Waiting:
    """Ask the host of a worker, whose branch is at `here` on this laptop, what was made there.

    Raises `FarSideError` and the connection's own.
    """
    far = fleet.far(place.host)
    await far.ready()
    branch = place.worker.branch if place.worker is not None else ""
    project = fleet.profile.project_id
    asked = {"root": far.root, "project": project, "worker": place.slug, "branch": branch, "here": here}
    return waiting_in(place.host, await far.call("commits", asked))


def waiting_in(host: str, answer: Mapping[str, Any]) -> Waiting:
    """Read what a host says about its commits. Raises `FarSideError` for what no git of ours may get to see."""
    try:
        return _read(answer)
    except (WireError, TypeError, KeyError, AttributeError) as exc:
        raise FarSideError(f"{host}: what it says about its commits makes no sense: {clean(str(exc))}") from exc


def _read(answer: Mapping[str, Any]) -> Waiting:
    head, beside, made = str(answer["head"]), str(answer["beside"]), whole(answer["made"])
    saved = [(str(one["name"]), str(one["commit"])) for one in answer["saved"]]
    hashes = [head or "0" * 40, beside or "0" * 40, *(commit for _, commit in saved)]
    if not all(map(is_hash, hashes)) or (made and not head):
        raise WireError("no commit")
    if not all(SAVED_NAME.match(name) for name, _ in saved):
        raise WireError("no name of saved work")
    subjects = tuple(str(one) for one in answer["subjects"])[:COMMITS_SHOWN]
    uncommitted = whole(answer["uncommitted"])
    return Waiting(
        head, made, subjects, str(answer["branch"]), uncommitted, beside, answer["lacks"] is True, tuple(saved)
    )
