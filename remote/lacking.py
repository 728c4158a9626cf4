"""Runs that this laptop lacks: those that ended and were followed by others while it was away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remote.fold import FOLDER_NAME
from remote.synced import came_home

if TYPE_CHECKING:
    from remote.fleet import Fleet


@dataclass(frozen=True)
class Lacking:
    """An earlier run of a worker of which not everything is here."""

    worker: str
    run: str
    attempts: int
    """How often it was begun; it is over."""


async def lacking(fleet: Fleet, host: str, worker: str = "") -> list[Lacking]:
    """Ask a host for the runs that it keeps, of one worker or of all that are shown; newest first, without the current.

    Raises `FarSideError` and the connection's own errors.
    """
    far = fleet.far(host)
    await far.ready()
    slug = fleet.place(worker).slug if worker else ""
    answer = await far.call("kept", {"root": far.root, "project": fleet.profile.project_id, "worker": slug})
    told = answer.get("workers")
    names = [worker] if worker else [row.worker for row in fleet.snapshots() if row.host == host]
    kept = [(name, told.get(fleet.place(name).slug)) for name in names] if isinstance(told, Mapping) else []
    found = [one for name, runs in kept if isinstance(runs, Mapping) for one in _earlier(name, runs)]
    return await asyncio.to_thread(lambda: [one for one in found if not _is_here(fleet, one)])


def _is_here(fleet: Fleet, one: Lacking) -> bool:
    return came_home(fleet.profile.results / fleet.place(one.worker).slug / one.run, one.attempts)


def _earlier(worker: str, told: Mapping[str, Any]) -> Iterator[Lacking]:
    runs = told.get("runs")
    for item in runs if isinstance(runs, list) else ():
        run, attempts = (item.get("run"), item.get("attempts")) if isinstance(item, Mapping) else (None, None)
        if isinstance(run, str) and FOLDER_NAME.match(run) and isinstance(attempts, int) and run != told.get("current"):
            yield Lacking(worker, run, attempts)
