"""Retire: a held run is given up for good. The host decides, so that every laptop sees the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from remote.steps import Step, again_when_lost, recorded, steps

if TYPE_CHECKING:
    from remote.fleet import Fleet


@dataclass(frozen=True)
class Retired:
    """The host's answer to a retire."""

    worker: str
    host: str
    run: str
    state: str
    reason: str
    """Who retired it, and why the gate held it."""
    already: bool = False
    """True if somebody had done so before; then the reason names that person."""


@recorded("retire")
async def retire(fleet: Fleet, worker: str, *, on_step: Step | None = None) -> Retired:
    """Make the newest run final, which its gate holds; no attempt of it starts any more.

    May be asked for twice. Raises `FarSideError` `not_held` for anything else.
    """
    place, far = fleet.place(worker), fleet.far(fleet.place(worker).host)
    request = {"project": fleet.profile.project_id, "worker": place.slug, "by": fleet.by}

    async def ask() -> Retired:
        await far.ready()
        answer = await far.call("retire", {"root": far.root, **request})
        run, state, reason = (str(answer.get(key, "")) for key in ("run", "state", "reason"))
        return Retired(place.name, place.host, run, state, reason, answer.get("already") is True)

    with steps(fleet, worker, on_step) as step:
        step("retiring")
        found = await again_when_lost(ask, step)
    fleet.record(worker, "retire", "", found.reason, found.run)
    return found
