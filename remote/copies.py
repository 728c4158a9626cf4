"""Runs as they lie on this laptop, beside what their host keeps of them."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote import synced
from remote.host_inventory import HostRun, Inventory
from remote.listing import Entry, files, files_here
from remote.onhost.measuring import measure
from remote.pruning_plan import Copies, Copy, Kind, Policy, plan, plan_here
from remote.selection import CHECKPOINTS
from remote.verify import proved_here

if TYPE_CHECKING:
    from remote.fleet import Fleet


def copies_of(results: Path, found: Inventory) -> Copies:
    """What lies here of the runs of a host."""
    told = {(run.slug, run.thing.name): copy_of(results, run) for run in found.runs}
    return {key: copy for key, copy in told.items() if copy is not None}


def copy_of(results: Path, run: HostRun) -> Copy | None:
    """What lies here of a run, by its mark and the files themselves; None if there is no copy.

    A link is none, and neither is the host's own folder, which a results folder on a shared disk may be.
    """
    folder = results / run.slug / run.thing.name
    try:
        facts = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_ino == run.thing.inode:
        return None
    mark = synced.read(folder)
    return Copy(mark, proved_here(folder, mark.digests if mark else {}), measure(str(folder))[0])


async def compared(fleet: Fleet, found: Inventory, copies: Copies, policy: Policy, *, here: bool) -> Copies:
    """The same copies; of those that nothing else keeps, what only one side has. Raises as `lone_files`."""
    chosen = plan_here(found, copies, policy) if here else plan(found, copies, policy)
    candidates = {(item.slug, item.run) for item in chosen.items if item.kind in (Kind.COPY, Kind.RUN)}
    keys = sorted(candidates & set(copies))
    # At once: the connection lets through as many as its host takes, and each is a program that starts there.
    told = await asyncio.gather(*((lone_files if here else unwanted_files)(fleet, found.host, *key) for key in keys))
    compared = dict(copies)
    for key, lone in zip(keys, told, strict=True):
        compared[key] = replace(copies[key], only_here=lone) if here else replace(copies[key], only_there=lone)
    return compared


async def unwanted_files(fleet: Fleet, host: str, slug: str, run: str) -> tuple[str, ...]:
    """Files on the host that no sync brings, as the profile excludes them, and that are not here. Raises as `files`.

    Checkpoints are not among them: those are compared by digest.
    """
    there = await files(fleet, fleet.adopt(host, slug).name, run)
    mine = await asyncio.to_thread(files_here, fleet.profile.results / slug / run)
    known = {entry.path: entry for entry in mine.entries}
    unwanted = tuple(
        one.path
        for one in there.entries
        if one.kind == "file"
        and one.path.rpartition("/")[0] != CHECKPOINTS
        and not there.selection.brings(one.path, one.size)
        and not _is_same(known.get(one.path), one)
    )
    is_cut = there.left_out and there.selection.exclude
    return (*unwanted, "more than can be compared") if is_cut else unwanted


async def lone_files(fleet: Fleet, host: str, slug: str, run: str) -> tuple[str, ...]:
    """Files of a copy that its host does not have as they are here. Raises `FarSideError` and the connection's own."""
    there = await files(fleet, fleet.adopt(host, slug).name, run)
    known = {entry.path: entry for entry in there.entries}
    mine = await asyncio.to_thread(files_here, fleet.profile.results / slug / run)
    lone = [one.path for one in mine.entries if one.kind != "folder" and not _is_same(known.get(one.path), one)]
    return tuple(lone) + (("more than can be compared",) if there.left_out or mine.left_out else ())


def _is_same(there: Entry | None, mine: Entry) -> bool:
    return there is not None and there.same_as(mine)
