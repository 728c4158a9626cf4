"""Relaunch: a run once more, with changes, as a new run that remembers which one it repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from remote.errors import FarSideError, UsageError
from remote.launching import Launched, Wish, check_overrides, of_profile, spec_in, start
from remote.steps import Step, again_when_lost, newest_facts, recorded, steps

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.git import Commit, Consent


@recorded("relaunch")
async def relaunch(
    fleet: Fleet,
    worker: str,
    *,
    overrides: Sequence[str] = (),
    on_step: Step | None = None,
    on_commit: Callable[[Commit], None] | None = None,
    consent: Consent | None = None,
    discard: bool = False,
) -> Launched:
    """Start a new run with the config and the overrides of the newest one, changed by `overrides`.

    It runs the commit of the worker's branch now; the answer names the parent's too. Raises as `launch`, but a run that
    is going on is a refusal (`running`): what was asked for is another run.
    """
    place = of_profile(fleet, worker)
    check_overrides(place, overrides)
    assert place.worker is not None
    with steps(fleet, worker, on_step) as step:
        step(f"connecting to {place.host}")
        facts = await again_when_lost(lambda: newest_facts(fleet, place), step)
        parent = spec_in(facts)
        if parent is None:
            raise UsageError(
                f"{worker} has never run, so there is nothing to relaunch", hint=f"launch {worker} instead"
            )
        if facts.get("alive") is True:
            raise FarSideError(f"{worker} is running ({parent.run})", hint="stop it first", code="running")
        # Its overrides hold what the profile set then; what it sets now would be a change that nobody asked for.
        again = replace(place.worker, set={}, config=parent.config or place.worker.config)
        wish = Wish(again, (*parent.overrides, *overrides), parent.run, discard)
        launched = await start(fleet, place, wish, step, on_commit=on_commit, consent=consent)
    return replace(launched, parent=parent.run, parent_commit=parent.commit)
