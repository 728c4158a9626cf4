"""Launch: exactly once, whatever happens to the connection.

A launch is repeated over lost connections with the same nonce until the host's answer is known, so it happens once
or not at all, and is never claimed before the host said it.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remote.errors import FarSideError, Unreachable, UsageError
from remote.fold import FOLDER_NAME
from remote.run_spec import checked, new_nonce, spec_of, trainer_words
from remote.steps import RETRY_FIRST_S, RETRY_MAX_S, Step, again_when_lost, newest_facts, recorded, steps
from wire.codec import WireError
from wire.records import RunSpec

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.git import Commit, Consent
    from remote.places import Place
    from remote.profiles import Worker

ANSWER_WITHIN_S = 300.0
"""How long a launch whose answer was lost is asked for again."""
LAUNCH_TIMEOUT_S = 300.0
"""The launch may have to put the worktree back first, which takes its time in a large repository."""
CRASHES_MAX = 3


@dataclass(frozen=True)
class Launched:
    """The host's answer to a launch, a relaunch, a resume or a release."""

    worker: str
    host: str
    run: str
    attempt: str
    commit: str = ""
    already: bool = False
    """True if this worker was running already, by an earlier request; then run and attempt are that one's."""
    parent: str = ""
    """Run that a relaunch repeats."""
    parent_commit: str = ""
    """The commit of that run; the branch may have moved on since."""


@dataclass(frozen=True)
class Wish:
    """What to launch for a worker of the profile."""

    worker: Worker
    overrides: tuple[str, ...] = ()
    parent: str = ""
    """Run that is repeated, '' for a launch of its own."""
    discard: bool = False
    """Give up edits in the worktree on the host (they are kept under a ref)."""


@recorded("launch")
async def launch(
    fleet: Fleet,
    worker: str,
    *,
    overrides: Sequence[str] = (),
    on_step: Step | None = None,
    on_commit: Callable[[Commit], None] | None = None,
    consent: Consent | None = None,
    discard: bool = False,
) -> Launched:
    """Start a worker on the commit of its branch: snapshot, push, worktree, launch.

    Raises `UsageError`, `Declined`, `Unreachable`, `NeedsYou`, `FarSideError` (dirty_worktree, orphans, no_space...),
    `NoEvidence` if the worker requires green.
    """
    place = of_profile(fleet, worker)
    check_overrides(place, overrides)
    assert place.worker is not None
    wish = Wish(place.worker, tuple(overrides), discard=discard)
    with steps(fleet, worker, on_step) as step:
        try:
            return await start(fleet, place, wish, step, on_commit=on_commit, consent=consent)
        except FarSideError as exc:
            if exc.code != "running":
                raise
            return await _already(fleet, place, exc)


async def start(
    fleet: Fleet,
    place: Place,
    wish: Wish,
    step: Step,
    *,
    on_commit: Callable[[Commit], None] | None,
    consent: Consent | None,
) -> Launched:
    """Snapshot, push, worktree, launch. Raises as `launch`, and `FarSideError` `running` if a run is in the way."""
    await fleet.keys.of(place)
    step("reading the branch")
    commit = await commit_of(fleet, place.name, consent)
    if on_commit is not None:
        on_commit(commit)
    if words := trainer_words(commit, wish.worker):
        step(f"takes {words}")
    step(f"connecting to {place.host}")
    if wish.worker.requires:
        from remote.evidence import demand_green

        await again_when_lost(lambda: demand_green(fleet, place, commit), step)
    spec = await again_when_lost(lambda: _prepare(fleet, place, commit, wish, step), step)
    step("launching")
    answer = await ask_until_known(fleet, place, {"spec": spec.to_dict(), "resume": False}, spec.nonce, step)
    return as_launched(fleet, place, answer, spec, "relaunch" if wish.parent else "launch")


async def commit_of(fleet: Fleet, worker: str, consent: Consent | None = None) -> Commit:
    """The commit that a launch of this worker would run now. Raises `UsageError` if it lacks what the worker needs."""
    from remote import commit_checks, git

    profile, place = fleet.profile, of_profile(fleet, worker)
    assert place.worker is not None
    commit = await git.snapshot(profile.folder, place.worker.branch, profile.base, consent=consent)
    return await commit_checks.checked(profile.folder, commit, place.worker)


def of_profile(fleet: Fleet, worker: str) -> Place:
    """Where a worker of the profile lives. Raises `UsageError` for an ad hoc command."""
    place = fleet.place(worker)
    if place.worker is None:
        raise UsageError(f"{worker} is not a worker of {fleet.profile.path}", hint="resume goes on with its last run")
    return place


async def _prepare(fleet: Fleet, place: Place, commit: Commit, wish: Wish, step: Step) -> RunSpec:
    """Bring the commit to the host; everything in here may be done twice."""
    from remote.worktrees import prepare

    profile, link, far = fleet.profile, fleet.connection(place.host), fleet.far(place.host)
    probe = await far.ready()
    cwd = await prepare(
        link, far, profile.folder, commit, profile.project_id, place.slug, on_step=step, discard=wish.discard
    )
    return spec_of(
        wish.worker,
        fleet.host(place.host),
        commit,
        project_id=profile.project_id,
        cwd=cwd,
        bundle=far.bundle,
        home=probe.home,
        nonce=new_nonce(),
        by=fleet.by,
        now_s=time.time(),
        overrides=wish.overrides,
        parent=wish.parent,
    )


async def ask_until_known(
    fleet: Fleet, place: Place, request: dict[str, Any], nonce: str, step: Step
) -> dict[str, Any]:
    """Send a launch until the host has answered it. The nonce makes every repetition an answer, never a second job.

    Raises the host's refusal, or `Unreachable` (code `outcome_unknown`) if no answer came for `ANSWER_WITHIN_S`.
    """
    request = {"by": fleet.by, "secrets": await fleet.keys.of(place), **request}
    deadline = time.monotonic() + ANSWER_WITHIN_S
    delay_s, crashes = RETRY_FIRST_S, 0
    far, link = fleet.far(place.host), fleet.connection(place.host)
    while True:
        try:
            await far.ready()
            if far.host.ec2 is not None:
                from remote.ec2_idle import arrange

                await arrange(fleet, place.host)
            return await far.call("launch", {"root": far.root, **request}, timeout_s=LAUNCH_TIMEOUT_S)
        except (FarSideError, Unreachable) as exc:
            # A verb that crashed may have launched before it did: only asking again tells.
            crashes += isinstance(exc, FarSideError)
            if isinstance(exc, FarSideError) and (exc.code != "far_crash" or crashes >= CRASHES_MAX):
                raise
            if time.monotonic() > deadline or link.closed:
                raise Unreachable(
                    f"{place.host} did not answer the launch of {place.name} ({nonce}): {exc.message}",
                    hint=f"it started once or not at all; `trajvid-tui status {place.name}` will tell",
                    code="outcome_unknown",
                ) from exc
            step(f"asking again for the answer: {exc.message}")
        await asyncio.sleep(delay_s)
        delay_s = min(RETRY_MAX_S, delay_s * 2)


async def _already(fleet: Fleet, place: Place, refusal: FarSideError) -> Launched:
    """The run that was in the way of a launch, as the launch verb itself would have answered."""
    facts = await newest_facts(fleet, place)
    spec, job = spec_in(facts), facts.get("job")
    attempt = job.get("attempt") if isinstance(job, dict) else None
    if spec is None or not isinstance(attempt, str):
        raise refusal
    return Launched(place.name, place.host, spec.run, attempt, spec.commit, already=True)


def spec_in(facts: dict[str, Any]) -> RunSpec | None:
    """What was asked of the run that these facts are about, None if they do not say."""
    try:
        return RunSpec.from_dict(facts["spec"])
    except (KeyError, TypeError, WireError):
        return None


def as_launched(fleet: Fleet, place: Place, answer: dict[str, Any], spec: RunSpec, verb: str) -> Launched:
    """Read the host's answer to a launch. Raises `FarSideError` (`outcome_unknown`) if it names no run."""
    already = answer.get("same_nonce") is False
    run, attempt = str(answer.get("run")), str(answer.get("attempt"))
    if not (FOLDER_NAME.match(run) and attempt.rpartition(".")[0] == run):
        raise FarSideError(
            f"{place.host}: the answer to the launch of {place.name} names no run",
            hint=f"it started once or not at all; `trajvid-tui status {place.name}` will tell",
            code="outcome_unknown",
        )
    result = f"{'runs already' if already else 'started'}: {attempt}"
    fleet.record(place.name, verb, shlex.join(spec.command), result, attempt)
    return Launched(place.name, place.host, run, attempt, "" if already else spec.commit, already)


def check_overrides(place: Place, overrides: Sequence[str]) -> None:
    """Raises `UsageError` for what is not KEY=VALUE, and for a worker whose command takes none."""
    if checked(overrides) and place.worker is not None and place.worker.command:
        raise UsageError(
            f"{place.name} runs a command of its own, which takes no config overrides",
            hint="change its `command:` in profiles.yaml",
        )
