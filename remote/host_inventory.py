"""What of a project lies on a host and what it takes: the host's `inventory` and `worktrees`, read with care."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from remote.clean import clean
from remote.errors import FarSideError
from remote.fold import FOLDER_NAME
from remote.listing import Entry
from remote.onhost.git import is_hash
from remote.onhost.own_work import SAVED_NAME
from remote.tidy import clock, seconds, whole
from wire.codec import WireError
from wire.state import State

if TYPE_CHECKING:
    from remote.fleet import Fleet

TIMEOUT_S = 600.0
"""Measuring a tree of many files takes time."""
T = TypeVar("T")


@dataclass(frozen=True)
class Thing:
    """Something on the host's disk; `inode` tells it from a later one of its name."""

    name: str
    bytes: int = 0
    age_s: float = 0.0
    """Since it was last written or used, by the host's own clock."""
    inode: int = 0
    used: bool = False
    """A bundle or environment: some run or process needs it; a checkpoint: a link names it."""
    place: str = ""
    """Its folder, or the commit of saved work, where the name alone does not say it."""


@dataclass(frozen=True)
class HostRun:
    """A run that the host keeps."""

    thing: Thing
    slug: str
    """Its worker's folder name."""
    state: State
    attempts: int = 0
    current: bool = False
    checkpoints: Mapping[str, tuple[Thing, Entry]] = field(default_factory=dict)


@dataclass(frozen=True)
class Worktree:
    """A worker's worktree on its host."""

    thing: Thing
    slug: str
    path: str = ""
    """Exact, so clean it before it is shown."""
    commit: str = ""
    branch: str = ""
    subject: str = ""
    running: str = ""
    """The run that is going on in it, '' if none is."""
    own: tuple[str, ...] = ()
    """The first files that are in no commit."""
    own_count: int = 0
    ignored: tuple[str, ...] = ()
    """Files and folders that git ignores: nothing keeps them."""
    problem: str = ""
    """Why git could not look at it."""

    @property
    def clean(self) -> bool:
        """True if nothing is lost with it."""
        return not (self.own_count or self.ignored or self.problem)


@dataclass(frozen=True)
class SavedWork:
    """Uncommitted work of a worker that its host saved: its name, and its commit as the thing's place."""

    thing: Thing
    slug: str


@dataclass(frozen=True)
class Inventory:
    """Everything of one project on one host."""

    host: str
    runs: tuple[HostRun, ...] = ()
    bundles: tuple[Thing, ...] = ()
    environments: tuple[Thing, ...] = ()
    left: tuple[Thing, ...] = ()
    """What removals that were cut off left behind."""
    worktrees: tuple[Worktree, ...] = ()
    saved: tuple[SavedWork, ...] = ()


async def take_inventory(fleet: Fleet, host: str) -> Inventory:
    """Ask a host for everything. Raises `FarSideError`, also for a clock that cannot be right, and the connection's own
    errors."""
    told, trees = await asyncio.gather(_ask(fleet, host, "inventory"), worktrees_on(fleet, host))
    try:
        clock(told.get("clock_s"))
    except WireError as exc:
        raise FarSideError(
            f"{host}: {exc}: how old anything there is cannot be told, so nothing is removed",
            hint="set it there (timedatectl set-ntp true)",
            code="clock",
        ) from exc
    return Inventory(
        host,
        tuple(_each(told.get("runs"), _run)),
        tuple(_each(told.get("bundles"), _thing)),
        tuple(_each(told.get("environments"), _thing)),
        tuple(_each(told.get("left"), _thing)),
        trees,
        tuple(_each(told.get("saved"), _saved)),
    )


async def worktrees_on(fleet: Fleet, host: str) -> tuple[Worktree, ...]:
    """Ask a host for the project's worktrees. Raises as `take_inventory`."""
    return tuple(_each((await _ask(fleet, host, "worktrees")).get("worktrees"), _worktree))


async def _ask(fleet: Fleet, host: str, verb: str) -> Mapping[str, Any]:
    far = fleet.far(host)
    await far.ready()
    return await far.call(verb, {"root": far.root, "project": fleet.profile.project_id}, timeout_s=TIMEOUT_S)


def _each(told: Any, read: Callable[[Mapping[str, Any]], T]) -> Iterator[T]:
    """What makes sense of a host's list: what does not is left out, so it is never removed either."""
    for item in told if isinstance(told, list) else ():
        try:
            yield read(item)
        except (WireError, KeyError, TypeError, ValueError, AttributeError):
            continue


def _thing(item: Mapping[str, Any]) -> Thing:
    name, place = item["name"], item.get("place", "")
    if not isinstance(name, str) or not isinstance(place, str) or not name or "/" in name:
        raise WireError("not a name")
    age_s = seconds(item.get("age_s")) or 0.0
    return Thing(name, whole(item.get("bytes")), age_s, whole(item["inode"]), item.get("used") is not False, place)


def _run(item: Mapping[str, Any]) -> HostRun:
    thing, slug = _thing(item), _slug(item)
    if not FOLDER_NAME.match(thing.name):
        raise WireError("not a run's name")
    known = {}
    for one in item["checkpoints"]:
        checkpoint = _thing(one)
        known[checkpoint.name] = (checkpoint, Entry("", "file", whole(one["size"]), whole(one["mtime_ns"])))
    return HostRun(thing, slug, State(item["state"]), whole(item["attempts"]), item["current"] is not False, known)


def _saved(item: Mapping[str, Any]) -> SavedWork:
    thing = _thing({**item, "inode": 0, "place": item["commit"]})
    if not SAVED_NAME.match(thing.name) or not is_hash(thing.place):
        raise WireError("no saved work")
    return SavedWork(thing, _slug(item))


def _worktree(item: Mapping[str, Any]) -> Worktree:
    slug, path = _slug(item), item["path"]
    if not isinstance(path, str):
        raise WireError("not a path")
    return Worktree(
        _thing({**item, "name": slug}),
        slug,
        path,
        commit=_text(item, "commit"),
        branch=_text(item, "branch"),
        subject=_text(item, "subject"),
        running=_text(item, "running"),
        own=_texts(item, "own"),
        own_count=whole(item["own_count"]),
        ignored=_texts(item, "ignored"),
        problem=_text(item, "problem"),
    )


def _text(item: Mapping[str, Any], key: str) -> str:
    return clean(str(item.get(key) or ""))


def _texts(item: Mapping[str, Any], key: str) -> tuple[str, ...]:
    told = item[key]
    return tuple(clean(str(one)) for one in told) if isinstance(told, list) else ()


def _slug(item: Mapping[str, Any]) -> str:
    slug = item["worker"]
    if not isinstance(slug, str) or not FOLDER_NAME.match(slug):
        raise WireError("not a worker's folder")
    return slug
