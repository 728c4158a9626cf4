"""What may go and what stays, decided from listings alone: nothing here looks at a disk or asks a host.

    plan(inventory, copies, policy)    what may go from a host: runs that are whole here, and what nobody needs
    plan_here(inventory, copies, ...)  what may go from this laptop: copies of runs that the host still keeps

Never both of one run: either is then the last one. What is current, active or held stays in any case.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from remote.host_inventory import HostRun, Inventory, Thing, Worktree
from remote.listing import Entry
from remote.selection import KEPT_CHECKPOINTS
from remote.synced import Mark
from wire.state import State

DAY_S = 86400.0
SHARED_OLDER_S = 30 * DAY_S
"""Bundles and environments of a host are shared: somebody else's laptop may need one that no run of ours names."""
LAST = KEPT_CHECKPOINTS[1]
OVER = frozenset({State.COMPLETED, State.FAILED, State.STOPPED, State.LOST})


class Kind(StrEnum):
    """What is removed; the first ones by these words on the host."""

    RUN = "run"
    CHECKPOINT = "checkpoint"
    WORKTREE = "worktree"
    LEFT = "left"
    BUNDLE = "bundle"
    ENVIRONMENT = "environment"
    COPY = "copy"
    """The results of a run on this laptop."""
    SAVED = "saved"
    """Work that was in no commit, saved on its host."""
    SAVED_COPY = "saved_copy"
    """The same on this laptop."""
    HISTORY = "history"
    """A damaged history that was moved aside on this laptop."""
    REST = "rest"
    """On this laptop: of a removal or a sync that was cut off, or a checkpoint that was not as its host has it."""


class Cure(StrEnum):
    """What brings here what is missing."""

    SYNC = "sync"
    EVERYTHING = "sync --everything"
    FETCH = "fetch --wip"
    PROFILE = "profile"
    """Nothing, as long as the profile says what it says."""


Lack = tuple[str, Cure]


@dataclass(frozen=True)
class Item:
    """One thing that may go."""

    kind: Kind
    host: str
    """'' for what this laptop has by itself."""
    thing: Thing
    slug: str = ""
    run: str = ""
    attempts: int = 0
    least_age_s: float = 0.0
    """It must be this old when it is removed, too."""
    lack: str = ""
    """What of a run is nowhere but on its host; only with `Policy.unsynced`."""


@dataclass(frozen=True)
class Kept:
    """One run, or the saved work of a worker, that stays, and why."""

    host: str
    slug: str
    run: str
    bytes: int
    why: str
    cure: Cure | None = None
    """What would bring it here, if nothing but what is missing here keeps it."""


@dataclass(frozen=True)
class Plan:
    """What may go, in the order in which it is removed, and what stays."""

    items: tuple[Item, ...] = ()
    kept: tuple[Kept, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        return Plan(self.items + other.items, self.kept + other.kept)


@dataclass(frozen=True)
class Copy:
    """A run as it lies on this laptop."""

    mark: Mark | None = None
    """What its last clean sync proved; None if it is not here."""
    checkpoints: Mapping[str, Entry] = field(default_factory=dict)
    """Those here whose digest is the host's."""
    bytes: int = 0
    only_here: tuple[str, ...] = ()
    """Files that the host does not have."""
    only_there: tuple[str, ...] = ()
    """Files on the host that the profile excludes from every sync."""


@dataclass(frozen=True)
class Policy:
    """What the person asks for."""

    older_s: float = 30 * DAY_S
    keep: int = 1
    """So many newest runs of each worker stay, at least the newest one."""
    unsynced: bool = False
    """Remove from hosts also what is not on this laptop."""
    slugs: frozenset[str] | None = None
    """Of these workers only; None = of all, and what belongs to no worker."""


Copies = Mapping[tuple[str, str], Copy]
"""(worker's folder name, run) -> what is here of it."""


def plan(found: Inventory, copies: Copies, policy: Policy, slugs: Collection[str] = ()) -> Plan:
    """What may go from a host. `slugs` are the folder names of the profile's workers: their worktrees stay."""
    items: list[Item] = []
    kept: list[Kept] = []
    for run, rank in ranked(found.runs):
        if not wanted(run.slug, policy):
            continue
        copy = copies.get((run.slug, run.thing.name), Copy())
        needed, lack = needed_there(run, rank, policy), lacking_here(run, copy)
        if needed or (lack is not None and not policy.unsynced):
            why, cure = (needed, None) if needed or lack is None else lack
            kept.append(Kept(found.host, run.slug, run.thing.name, run.thing.bytes, why, cure))
            items += _spare_checkpoints(found.host, run, copy, policy)
        else:
            item = _item(Kind.RUN, found.host, run.thing, run.slug, run, least_age_s=policy.older_s)
            items.append(replace(item, lack=lack[0] if lack else ""))
    items += [
        _item(Kind.WORKTREE, found.host, tree.thing, tree.slug)
        for tree in found.worktrees
        if wanted(tree.slug, policy) and tree.slug not in slugs and _is_spare(tree, policy)
    ]
    items += [_item(Kind.LEFT, found.host, thing) for thing in found.left]
    if policy.slugs is None:
        least_s = max(policy.older_s, SHARED_OLDER_S)
        for kind, things in ((Kind.BUNDLE, found.bundles), (Kind.ENVIRONMENT, found.environments)):
            old = (thing for thing in things if not thing.used and thing.age_s >= least_s)
            items += [_item(kind, found.host, thing, least_age_s=least_s) for thing in old]
    return Plan(tuple(items), tuple(kept))


def plan_here(found: Inventory, copies: Copies, policy: Policy) -> Plan:
    """What may go from this laptop: old results of which the host has every file."""
    items: list[Item] = []
    kept: list[Kept] = []
    for run, rank in ranked(found.runs):
        copy = copies.get((run.slug, run.thing.name))
        if copy is None or not wanted(run.slug, policy):
            continue
        why = needed_there(run, rank, policy) or only_here(copy)
        if why:
            kept.append(Kept(found.host, run.slug, run.thing.name, copy.bytes, why))
        else:
            thing = Thing(run.thing.name, copy.bytes, run.thing.age_s)
            items.append(_item(Kind.COPY, found.host, thing, run.slug, run))
    return Plan(tuple(items), tuple(kept))


def ranked(runs: Collection[HostRun]) -> list[tuple[HostRun, int]]:
    """Each run with its place among those of its worker, 0 for the newest; the current one is always the newest."""
    found: list[tuple[HostRun, int]] = []
    for slug in dict.fromkeys(run.slug for run in runs):
        own = sorted((run for run in runs if run.slug == slug), key=lambda run: (run.current, run.thing.name))
        found += [(run, rank) for rank, run in enumerate(reversed(own))]
    return found


def needed_there(run: HostRun, rank: int, policy: Policy) -> str:
    """Why a run is not to go, wherever its copies are; '' if nothing says so."""
    if run.state not in OVER:
        return f"is {run.state.value}"
    if run.current or rank == 0:
        return "is the newest of its worker"
    if rank < policy.keep:
        return f"is among the newest {policy.keep}"
    if run.thing.age_s < policy.older_s:
        return "was used too recently"
    return ""


def lacking_here(run: HostRun, copy: Copy) -> Lack | None:
    """What of a run on a host is not on this laptop, None if nothing is missing."""
    mark = copy.mark
    if mark is None:
        return "is not here", Cure.SYNC
    if mark.left_out:
        return f"has {counted(len(mark.left_out), 'file')} too large to come here", Cure.PROFILE
    if not mark.complete or mark.attempts < run.attempts:
        return "went on after its last sync" if mark.attempts else "is not whole here", Cure.SYNC
    only_there = [name for name in run.checkpoints if not is_here(run, name, copy)]
    if only_there:
        return f"has {counted(len(only_there), 'checkpoint')} not here", Cure.EVERYTHING
    if copy.only_there:
        count = counted(len(copy.only_there), "file")
        return f"has {count} that `exclude` keeps there: {_first(copy.only_there)}", Cure.PROFILE
    return None


def only_here(copy: Copy) -> str:
    """What of a copy its host does not have, '' if it has everything."""
    if not copy.only_here:
        return ""
    return f"has {counted(len(copy.only_here), 'file')} only here: {_first(copy.only_here)}"


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")


def counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _spare_checkpoints(host: str, run: HostRun, copy: Copy, policy: Policy) -> list[Item]:
    """Of a run that is over, old and stays: checkpoints that no resume needs and that are here, proved by digest.

    A trainer that calls its last one otherwise may go on from any of them.
    """
    if run.current or run.state not in OVER or run.thing.age_s < policy.older_s or LAST not in run.checkpoints:
        return []
    return [
        _item(Kind.CHECKPOINT, host, thing, run.slug, run)
        for name, (thing, _) in run.checkpoints.items()
        if name not in KEPT_CHECKPOINTS and not thing.used and is_here(run, name, copy)
    ]


def is_here(run: HostRun, name: str, copy: Copy) -> bool:
    """True if a checkpoint of a host lies here, too, proved by digest."""
    mine, there = copy.checkpoints.get(name), run.checkpoints.get(name)
    return mine is not None and there is not None and there[1].same_as(mine)


def _is_spare(tree: Worktree, policy: Policy) -> bool:
    return tree.clean and not tree.running and tree.thing.age_s >= policy.older_s


def wanted(slug: str, policy: Policy) -> bool:
    return policy.slugs is None or slug in policy.slugs


def _item(
    kind: Kind, host: str, thing: Thing, slug: str = "", run: HostRun | None = None, least_age_s: float = 0.0
) -> Item:
    name, attempts = (run.thing.name, run.attempts) if run is not None else ("", 0)
    return Item(kind, host, thing, slug, name, attempts, least_age_s)
