"""Runs that this laptop lacks: those that ended and were followed by others while it was away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remote.errors import UsageError
from remote.fold import FOLDER_NAME
from remote.synced import came_home
from remote.who import nearest

if TYPE_CHECKING:
    from remote.fleet import Fleet


@dataclass(frozen=True)
class Lacking:
    """A run of a worker that its host keeps."""

    worker: str
    run: str
    attempts: int
    """How often it was begun; 0 of a worker's current run, which need not be over."""


async def lacking(fleet: Fleet, host: str, worker: str = "") -> list[Lacking]:
    """Ask a host for the runs that it keeps, of one worker or of all that are shown; newest first, without the current.

    Raises `FarSideError` and the connection's own errors.
    """
    names = [worker] if worker else [row.worker for row in fleet.snapshots() if row.host == host]
    told = await _ask(fleet, host, worker)
    found = [one for name in names for one in _runs(name, told.get(fleet.place(name).slug), current=False)]
    return await asyncio.to_thread(lambda: [one for one in found if not _is_here(fleet, one)])


async def kept_run(fleet: Fleet, worker: str, run: str) -> Lacking:
    """Find one run of a worker on its host. Raises `UsageError` if it is not there, and as `lacking`."""
    place = fleet.place(worker)
    kept = _runs(worker, (await _ask(fleet, place.host, worker)).get(place.slug), current=True)
    names = {one.run: one for one in kept}
    if run not in names:
        hint = nearest(run, names) if names else ""
        raise UsageError(f"{worker} has no run {run!r} on {place.host}", hint=hint, code="unknown_run")
    return names[run]


async def _ask(fleet: Fleet, host: str, worker: str) -> Mapping[str, Any]:
    far = fleet.far(host)
    await far.ready()
    slug = fleet.place(worker).slug if worker else ""
    answer = await far.call("kept", {"root": far.root, "project": fleet.profile.project_id, "worker": slug})
    told = answer.get("workers")
    return told if isinstance(told, Mapping) else {}


def _is_here(fleet: Fleet, one: Lacking) -> bool:
    return came_home(fleet.profile.results / fleet.place(one.worker).slug / one.run, one.attempts)


def _runs(worker: str, told: Any, *, current: bool) -> Iterator[Lacking]:
    """What a host tells of a worker's runs, read with care."""
    runs = told.get("runs") if isinstance(told, Mapping) else None
    for item in runs if isinstance(runs, list) else ():
        run, attempts = (item.get("run"), item.get("attempts")) if isinstance(item, Mapping) else (None, None)
        if not isinstance(run, str) or not FOLDER_NAME.match(run) or not isinstance(attempts, int):
            continue
        is_current = run == told.get("current")
        if current or not is_current:
            yield Lacking(worker, run, 0 if is_current else attempts)
