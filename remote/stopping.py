"""Stop and kill: the row says *stopped* when the host says that the processes are gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remote.steps import again_when_lost, recorded, steps

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place

MARGIN_S = 60.0
"""The host waits for the grace, kills, and looks again; so much more is waited for its answer."""


@dataclass(frozen=True)
class Stopped:
    """The host's answer to a stop: `stopped` only when the processes are gone."""

    worker: str
    host: str
    state: str
    code: int | None
    stopped: bool
    forced: bool
    left: tuple[int, ...] = ()
    was_running: bool = True
    reason: str = ""


@recorded("stop")
async def stop(fleet: Fleet, worker: str, *, grace_s: float | None = None) -> Stopped:
    """Ask for a checkpoint and an end, and wait until the processes are gone (after the grace they are killed)."""
    return await _stop(fleet, worker, grace_s, kill=False)


@recorded("kill")
async def kill(fleet: Fleet, worker: str) -> Stopped:
    """End all processes of a worker at once."""
    return await _stop(fleet, worker, 0.0, kill=True)


async def _stop(fleet: Fleet, worker: str, grace_s: float | None, *, kill: bool) -> Stopped:
    """A stop may be asked for twice: the host answers with what is true by then."""
    place, far = fleet.place(worker), fleet.far(fleet.place(worker).host)
    grace_s = _grace_s(fleet, place) if grace_s is None else grace_s
    request = {"project": fleet.profile.project_id, "worker": place.slug, "run": "", "kill": kill, "by": fleet.by}

    async def ask() -> dict[str, Any]:
        await far.ready()
        return await far.call("stop", {"root": far.root, "grace_s": grace_s, **request}, timeout_s=grace_s + MARGIN_S)

    with steps(fleet, worker) as step:
        step("killing" if kill else "stopping")
        answer = await again_when_lost(ask, step)
    found = _stopped(place, answer)
    command = f"TERM, {grace_s:g} s, KILL"
    result = found.state if found.was_running else f"was not running ({found.state})"
    fleet.record(worker, "kill" if kill else "stop", command, result, str(answer.get("run", "")))
    return found


def _stopped(place: Place, answer: dict[str, Any]) -> Stopped:
    code, left = answer.get("code"), answer.get("left")
    return Stopped(
        place.name,
        place.host,
        str(answer.get("state", "")),
        code if isinstance(code, int) else None,
        answer.get("stopped") is True,
        answer.get("forced") is True,
        tuple(pid for pid in left if isinstance(pid, int)) if isinstance(left, list) else (),
        answer.get("was_running") is not False,
        str(answer.get("reason", "")),
    )


def _grace_s(fleet: Fleet, place: Place) -> float:
    spec = fleet.snapshot(place.name).spec
    if spec is not None:
        return spec.grace_s
    return place.worker.grace_s if place.worker is not None else 30.0
