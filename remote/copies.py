"""Runs as they lie on this laptop, beside what their host keeps of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote import synced
from remote.host_inventory import Inventory
from remote.listing import Entry, files, files_here
from remote.onhost.measuring import measure
from remote.pruning_plan import Copies, Copy, Policy, plan_here
from remote.verify import proved_here

if TYPE_CHECKING:
    from remote.fleet import Fleet


def copies_of(results: Path, found: Inventory) -> Copies:
    """What lies here of the runs of a host."""
    known = {(run.slug, run.thing.name): results / run.slug / run.thing.name for run in found.runs}
    return {key: copy_of(folder) for key, folder in known.items() if folder.is_dir() and not folder.is_symlink()}


def copy_of(folder: Path) -> Copy:
    """What lies here of a run, by its mark and the files themselves."""
    mark = synced.read(folder)
    return Copy(mark, proved_here(folder, mark.digests if mark else {}), measure(str(folder))[0])


async def compared(fleet: Fleet, found: Inventory, copies: Copies, policy: Policy) -> Copies:
    """The same copies; those that nothing else keeps say what only they have. Raises as `lone_files`."""
    candidates = {item.run for item in plan_here(found, copies, policy).items}
    compared = dict(copies)
    for slug, run in copies:
        if run in candidates:
            missing = await lone_files(fleet, found.host, slug, run)
            compared[slug, run] = replace(copies[slug, run], only_here=missing)
    return compared


async def lone_files(fleet: Fleet, host: str, slug: str, run: str) -> tuple[str, ...]:
    """Files of a copy that its host does not have as they are here. Raises `FarSideError` and the connection's own."""
    there = await files(fleet, fleet.adopt(host, slug).name, run)
    known = {entry.path: entry for entry in there.entries}
    mine = await asyncio.to_thread(files_here, fleet.profile.results / slug / run)
    lone = [one.path for one in mine.entries if one.kind != "folder" and not _is_same(known.get(one.path), one)]
    return tuple(lone) + (("more than can be compared",) if there.left_out or mine.left_out else ())


def _is_same(there: Entry | None, mine: Entry) -> bool:
    return there is not None and there.same_as(mine)
