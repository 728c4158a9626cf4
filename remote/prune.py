"""Housekeeping: survey what hosts and this laptop keep, say what may go, and remove it once a person agreed.

    found = await survey(fleet, hosts, policy)              from the hosts; removes nothing
    found = await survey(fleet, hosts, policy, here=True)   from this laptop
    done = await carry_out(fleet, found.items, policy)      each looked at again before it goes

Before a run goes from its host it is synced once more, so that what goes is here, whole, at that very moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote import synced
from remote.copies import compared, copies_of, copy_of, lone_files, unwanted_files
from remote.errors import FarSideError, RemoteError
from remote.folders import state_folder
from remote.host_inventory import HostRun, Inventory, take_inventory
from remote.laptop_disk import local_error
from remote.leftovers import damaged_histories, leftovers
from remote.onhost.remove import GONE
from remote.pruning_plan import OVER, Copy, Item, Kind, Plan, Policy, is_here, lacking_here, only_here, plan, plan_here
from remote.pruning_saved import forget_here, plan_saved, plan_saved_here, saved_here
from remote.removing import Done, remove_here, remove_there, stays

if TYPE_CHECKING:
    from remote.fleet import Fleet

BATCH = 20
"""So many things a call: short enough to tell how far it is."""
NOT_THERE = "not_found"
"""What a host answers about a run that it does not have."""
HERE = (Kind.COPY, Kind.SAVED_COPY, Kind.HISTORY, Kind.REST)
"""What lies on this laptop."""
Step = Callable[[str], None]
Runs = Mapping[tuple[str, str], HostRun]


async def survey(
    fleet: Fleet, hosts: Sequence[str], policy: Policy, *, here: bool = False
) -> tuple[Plan, dict[str, RemoteError]]:
    """Return what may go and why the rest stays, and which hosts could not tell."""
    told = await asyncio.gather(*(_of_host(fleet, host, policy, here) for host in hosts))
    failed = {host: one for host, one in zip(hosts, told, strict=True) if isinstance(one, RemoteError)}
    found = Plan(damaged_histories(policy) if here and policy.slugs is None else ())
    found += Plan(await asyncio.to_thread(leftovers, fleet.profile.results, policy) if here else ())
    for one in told:
        found += one if isinstance(one, Plan) else Plan()
    return found, failed


async def carry_out(
    fleet: Fleet, items: Sequence[Item], policy: Policy, on_step: Step | None = None
) -> tuple[list[Done], dict[str, RemoteError]]:
    """Remove what a survey found; return what became of each, and which hosts went away meanwhile."""
    step = on_step or (lambda _text: None)
    hosts = list(dict.fromkeys(item.host for item in items))
    groups = [[item for item in items if item.host == host] for host in hosts]
    told = await asyncio.gather(*(_remove(fleet, group, policy, step) for group in groups))
    failed = {host: error for host, (_, error) in zip(hosts, told, strict=True) if error is not None}
    return [one for done, _ in told for one in done], failed


# ---------------------------------------------------------------------- looking


async def _of_host(fleet: Fleet, host: str, policy: Policy, here: bool) -> Plan | RemoteError:
    try:
        found = await take_inventory(fleet, host)
        copies = await asyncio.to_thread(copies_of, fleet.profile.results, found)
        copies = await compared(fleet, found, copies, policy, here=here)
        saved = await saved_here(fleet.profile.folder, host)
        if here:
            return plan_here(found, copies, policy) + plan_saved_here(found, saved, policy, time.time())
        slugs = [worker.slug for worker in fleet.profile.workers.values()]
        return plan(found, copies, policy, slugs) + plan_saved(found, saved, policy)
    except RemoteError as exc:
        return exc


# ---------------------------------------------------------------------- removing


async def _remove(fleet: Fleet, items: list[Item], policy: Policy, step: Step) -> tuple[list[Done], RemoteError | None]:
    """Remove what lies on one host, or here of its runs."""
    host = items[0].host
    done: list[Done] = []
    try:
        unsynced = await _sync_again(fleet, host, items, step) if not policy.unsynced else {}
        found: Runs = {}
        if any(item.run or item.kind is Kind.SAVED_COPY for item in items):
            there = await take_inventory(fleet, host)
            found = {(run.slug, run.thing.name): run for run in there.runs}
            unsynced |= await _last_ones(fleet, there, items, policy)
        for start in range(0, len(items), BATCH):
            step(f"{host or 'here'}: removing {start + 1} to {min(start + BATCH, len(items))} of {len(items)}")
            batch = items[start : start + BATCH]
            async with _alone(fleet, batch, step):
                looked = [item for item in batch if item not in unsynced]
                told = await asyncio.gather(*(_why_not(fleet, item, found, policy) for item in looked))
                reasons = unsynced | dict(zip(looked, told, strict=True))
                done += [stays(item, reasons[item]) for item in batch if reasons[item]]
                left = [item for item in batch if not reasons[item]]
                for item in left:
                    if item.kind in HERE:
                        done.append(await _remove_here(fleet, item))
                if far := [item for item in left if item.kind not in HERE]:
                    done += await remove_there(fleet, host, far)
    except RemoteError as exc:
        return done, exc
    return done, None


async def _sync_again(fleet: Fleet, host: str, items: Sequence[Item], step: Step) -> dict[Item, str]:
    """Bring once more each run that is to go from its host; return why that failed."""
    reasons: dict[Item, str] = {}
    own = [item for item in items if item.kind is Kind.RUN]
    for number, item in enumerate(own, 1):
        name = fleet.adopt(host, item.slug).name
        step(f"{name}: looking at {item.run} once more before it goes, {number} of {len(own)}")
        try:
            await fleet.syncs.fetch(name, run=item.run, attempts=item.attempts)
        except RemoteError as exc:
            reasons[item] = GONE if exc.code == NOT_THERE else f"cannot be synced: {exc.message}"
    return reasons


async def _last_ones(fleet: Fleet, there: Inventory, items: Sequence[Item], policy: Policy) -> dict[Item, str]:
    """Copies of saved work that may not go any more, as their host has let go of it."""
    saved = await saved_here(fleet.profile.folder, there.host)
    spare = {(one.slug, one.thing.name) for one in plan_saved_here(there, saved, policy, time.time()).items}
    copies = (item for item in items if item.kind is Kind.SAVED_COPY)
    return {item: "its host keeps it no more" for item in copies if (item.slug, item.thing.name) not in spare}


@asynccontextmanager
async def _alone(fleet: Fleet, items: Sequence[Item], step: Step) -> AsyncIterator[None]:
    """Let nobody else sync these runs or remove them here: else their host and this laptop may both lose one."""

    def waits() -> None:
        step(f"{items[0].host}: waiting for another process here, which syncs or prunes the same runs")

    async with AsyncExitStack() as claims:
        # Sorted, so that no two wait for ever.
        for folder in sorted({_folder(fleet, item) for item in items if item.run}):
            try:
                await claims.enter_async_context(synced.claim(folder, waits))
            except OSError as exc:
                raise local_error(exc, folder) from exc
        yield


async def _why_not(fleet: Fleet, item: Item, found: Runs, policy: Policy) -> str:
    """Why an item may not go after all, just before it goes; '' if nothing keeps it, `GONE` if it went by itself.

    The caller holds its claim.
    """
    if item.kind is Kind.SAVED and not item.lack:
        here = await saved_here(fleet.profile.folder, item.host)
        return "" if here.get((item.slug, item.thing.name)) == item.thing.place else "is not here any more"
    if not item.run:
        return ""
    run = found.get((item.slug, item.run))
    if run is None:
        return "is not kept by its host any more" if item.kind is Kind.COPY else GONE
    if run.current or run.state not in OVER:
        return "went on meanwhile"
    copy = await asyncio.to_thread(copy_of, fleet.profile.results, run) or Copy()
    try:
        if item.kind is Kind.COPY:
            return only_here(Copy(only_here=await lone_files(fleet, item.host, item.slug, item.run)))
        if item.kind is Kind.CHECKPOINT:
            return "" if is_here(run, item.thing.name, copy) else "is not here"
        if policy.unsynced:
            return ""
        unwanted = await unwanted_files(fleet, item.host, item.slug, item.run)
        lack = lacking_here(run, replace(copy, only_there=unwanted))
        return lack[0] if lack else ""
    except FarSideError as exc:
        if exc.code == NOT_THERE and item.kind is not Kind.COPY:
            return GONE
        return f"cannot be compared: {exc.message}"


def _folder(fleet: Fleet, item: Item) -> Path:
    """Where an item lies here: the results of a run, a rest of some, or a damaged history."""
    if item.kind is Kind.REST:
        return Path(item.thing.place, item.thing.name)
    return fleet.profile.results / item.slug / item.run if item.run else state_folder() / item.thing.name


async def _remove_here(fleet: Fleet, item: Item) -> Done:
    if item.kind is Kind.SAVED_COPY:
        return Done(item, skipped=await forget_here(fleet.profile.folder, item))
    return await asyncio.to_thread(remove_here, _folder(fleet, item), item)
