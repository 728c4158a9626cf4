"""A new attempt of the newest run, from its last checkpoint or past the gate that holds it; exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote.errors import UsageError
from remote.launching import Launched, as_launched, ask_until_known, spec_in
from remote.run_spec import new_nonce
from remote.steps import Step, again_when_lost, newest_facts, recorded, steps

if TYPE_CHECKING:
    from remote.fleet import Fleet


@recorded("resume")
async def resume(fleet: Fleet, worker: str, *, on_step: Step | None = None) -> Launched:
    """Go on with the newest run from its last checkpoint, as a new attempt, on the commit that it always had.

    Raises `FarSideError`: `running`, `held` (release or retire it), `retired`.
    """
    return await _new_attempt(fleet, worker, "resume", "resuming", on_step)


@recorded("release")
async def release(fleet: Fleet, worker: str, *, on_step: Step | None = None) -> Launched:
    """Let a held run go on past its gate all the same; the host records who decided so.

    Raises `FarSideError`: `not_held` (also after somebody else's release), `retired`.
    """
    return await _new_attempt(fleet, worker, "release", "releasing", on_step)


async def _new_attempt(fleet: Fleet, worker: str, verb: str, doing: str, on_step: Step | None) -> Launched:
    place = fleet.place(worker)
    await fleet.keys.of(place)
    with steps(fleet, worker, on_step) as step:
        step(f"connecting to {place.host}")
        facts = await again_when_lost(lambda: newest_facts(fleet, place), step)
        spec = spec_in(facts)
        if spec is None:
            raise UsageError(f"{worker} has never run, so there is nothing to {verb}", hint=f"launch {worker} instead")
        step(doing)
        nonce = new_nonce()
        named = {"run": spec.run, "project": fleet.profile.project_id, "worker": place.slug}
        request = {"spec": named, "resume": True, "release": verb == "release", "nonce": nonce}
        answer = await ask_until_known(fleet, place, request, nonce, step)
    return as_launched(fleet, place, answer, spec, verb)
