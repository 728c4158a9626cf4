"""Saved work (`refs/trajvid/wip/`) that may go: from a host what is here too, from here what its host keeps, too.

It is work that was in no commit, so what is on one side only stays. But an hourly one is a whole state of a worktree:
here it may go once a newer one of that worktree is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from remote.errors import UsageError
from remote.git import run_git, telling_line, top_level
from remote.host_inventory import Inventory, Thing
from remote.names import slug
from remote.onhost.git import git_argv
from remote.onhost.own_work import HOURLY, SAVED_NAME, WIP, saved_at_s
from remote.pruning_plan import Cure, Item, Kept, Kind, Plan, Policy, counted, wanted

Saved = Mapping[tuple[str, str], str]
"""(worker's folder name, name) -> commit, of what a host saved and is here."""


def plan_saved(found: Inventory, here: Saved, policy: Policy) -> Plan:
    """What may go from a host; what is not here is told once a worker."""
    old = [one for one in found.saved if wanted(one.slug, policy) and one.thing.age_s >= policy.older_s]
    lacking = [one for one in old if here.get((one.slug, one.thing.name)) != one.thing.place]
    items = [
        Item(
            Kind.SAVED, found.host, one.thing, one.slug, least_age_s=policy.older_s,
            lack="is not here" if one in lacking else "",
        )
        for one in old
        if policy.unsynced or one not in lacking
    ]  # fmt: skip
    if policy.unsynced:
        return Plan(tuple(items))
    slugs = dict.fromkeys(one.slug for one in lacking)
    counts = {one: len([other for other in lacking if other.slug == one]) for one in slugs}
    kept = [
        Kept(found.host, one, "saved work", 0, f"is not here ({counted(count, 'state')})", Cure.FETCH)
        for one, count in counts.items()
    ]
    return Plan(tuple(items), tuple(kept))


def plan_saved_here(found: Inventory, here: Saved, policy: Policy, now_s: float) -> Plan:
    """What may go from this laptop."""
    there = {(one.slug, one.thing.name): one.thing.place for one in found.saved}
    items = []
    for (worker, name), commit in sorted(here.items()):
        age_s = now_s - saved_at_s(name)
        if not wanted(worker, policy) or age_s < policy.older_s:
            continue
        newer = any(other == worker and later > name for other, later in here)
        if there.get((worker, name)) == commit or (name.endswith(HOURLY) and newer):
            items.append(Item(Kind.SAVED_COPY, found.host, Thing(name, 0, age_s, place=commit), worker))
    return Plan(tuple(items))


async def saved_here(repo: Path, host: str) -> Saved:
    """What is here of what a host saved; nothing where the profile lies in no repository."""
    place = f"{WIP}{slug(host)}/"
    try:
        top = await top_level(repo)
    except UsageError:
        return {}
    _, out, _ = await run_git(git_argv(str(top), ["for-each-ref", "--format=%(objectname) %(refname)", place]))
    lines = [line.partition(" ") for line in out.decode("utf-8", "replace").splitlines()]
    found = [(ref.removeprefix(place).split("/"), commit) for commit, _, ref in lines]
    return {(part[0], part[1]): commit for part, commit in found if len(part) == 2 and SAVED_NAME.match(part[1])}


async def forget_here(repo: Path, item: Item) -> str:
    """Remove one here, unless it changed meanwhile; return why not, '' if it is gone."""
    ref = f"{WIP}{slug(item.host)}/{item.slug}/{item.thing.name}"
    command = ["update-ref", "-d"]
    code, _, err = await run_git(git_argv(str(await top_level(repo)), command, [ref, item.thing.place]))
    return telling_line(err) if code else ""
