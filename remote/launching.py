"""Launch, resume and ad hoc commands: exactly once, whatever happens to the connection.

A launch is repeated over lost connections with the same nonce until the host's answer is known, so it happens once
or not at all, and is never claimed before the host said it.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from remote.errors import FarSideError, Unreachable, UsageError
from remote.fold import FOLDER_NAME
from remote.names import check_name, slug
from remote.run_spec import checked, new_nonce, run_id, spec_of
from remote.steps import RETRY_FIRST_S, RETRY_MAX_S, Step, again_when_lost, newest_facts, steps
from wire.codec import WireError
from wire.records import RunSpec

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.git import Commit, Consent
    from remote.places import Place

ANSWER_WITHIN_S = 300.0
"""How long a launch whose answer was lost is asked for again."""
LAUNCH_TIMEOUT_S = 300.0
"""The launch may have to put the worktree back first, which takes its time in a large repository."""
CRASHES_MAX = 3


@dataclass(frozen=True)
class Launched:
    """The host's answer to a launch or resume."""

    worker: str
    host: str
    run: str
    attempt: str
    commit: str = ""
    already: bool = False
    """True if this worker was running already, by an earlier request; then run and attempt are that one's."""


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

    Raises `UsageError`, `Declined`, `Unreachable`, `NeedsYou`, `FarSideError` (dirty_worktree, orphans, no_space...).
    """
    place = _of_profile(fleet, worker)
    check_overrides(place, overrides)
    with steps(fleet, worker, on_step) as step:
        step("reading the branch")
        commit = await commit_of(fleet, worker, consent)
        if on_commit is not None:
            on_commit(commit)
        step(f"connecting to {place.host}")
        try:
            spec = await again_when_lost(lambda: _prepare(fleet, place, commit, overrides, discard, step), step)
        except FarSideError as exc:
            if exc.code != "running":
                raise
            return await _already(fleet, place, exc)
        step("launching")
        answer = await _ask_until_known(fleet, place, {"spec": spec.to_dict(), "resume": False}, spec.nonce, step)
    return _launched(fleet, place, answer, spec)


async def resume(fleet: Fleet, worker: str, *, on_step: Step | None = None) -> Launched:
    """Go on with the newest run from its last checkpoint, as a new attempt, on the commit that it always had."""
    place = fleet.place(worker)
    with steps(fleet, worker, on_step) as step:
        step(f"connecting to {place.host}")
        facts = await again_when_lost(lambda: newest_facts(fleet, place), step)
        spec = _spec_in(facts)
        if spec is None:
            raise UsageError(f"{worker} has never run, so there is nothing to resume", hint=f"launch {worker} instead")
        step("resuming")
        named = {"run": spec.run, "project": fleet.profile.project_id, "worker": place.slug}
        nonce = new_nonce()
        answer = await _ask_until_known(fleet, place, {"spec": named, "resume": True, "nonce": nonce}, nonce, step)
    return _launched(fleet, place, answer, spec, "resume")


async def run_command(
    fleet: Fleet,
    host: str,
    command: Sequence[str],
    *,
    name: str = "",
    cwd: str = "",
    on_step: Step | None = None,
) -> Launched:
    """Supervise any command as a worker of its own; `cwd` is a folder on the host ('' = the run's own)."""
    if not command:
        raise UsageError("there is no command to run", hint="trajvid-tui run -- COMMAND")
    nonce = new_nonce()
    if name:
        check_name(name)
    folder = slug(name) if name else _named_for(command[0], nonce)
    fleet.host(host)
    place = fleet.adopt(host, folder)
    with steps(fleet, place.name, on_step) as step:
        step(f"connecting to {host}")
        far = fleet.far(host)
        await again_when_lost(far.ready, step)
        now_s = time.time()
        spec = RunSpec(
            run=run_id("", nonce, now_s),
            project=fleet.profile.project_id,
            worker=folder,
            nonce=nonce,
            command=tuple(command),
            cwd=cwd,
            subject=shlex.join(command)[:200],
            created_s=now_s,
            by=fleet.by,
            bundle=far.bundle,
        )
        step("launching")
        answer = await _ask_until_known(fleet, place, {"spec": spec.to_dict(), "resume": False}, nonce, step)
    return _launched(fleet, place, answer, spec, "run")


async def commit_of(fleet: Fleet, worker: str, consent: Consent | None = None) -> Commit:
    """The commit that a launch of this worker would run now."""
    from remote import git

    profile, place = fleet.profile, _of_profile(fleet, worker)
    assert place.worker is not None
    return await git.snapshot(profile.folder, place.worker.branch, profile.base, consent=consent)


def _of_profile(fleet: Fleet, worker: str) -> Place:
    place = fleet.place(worker)
    if place.worker is None:
        raise UsageError(f"{worker} is not a worker of {fleet.profile.path}", hint="resume goes on with its last run")
    return place


async def _prepare(
    fleet: Fleet, place: Place, commit: Commit, overrides: Sequence[str], discard: bool, step: Step
) -> RunSpec:
    """Bring the commit to the host; everything in here may be done twice."""
    from remote.worktrees import prepare

    assert place.worker is not None
    profile, link, far = fleet.profile, fleet.connection(place.host), fleet.far(place.host)
    probe = await far.ready()
    cwd = await prepare(
        link, far, profile.folder, commit, profile.project_id, place.slug, on_step=step, discard=discard
    )
    return spec_of(
        place.worker,
        fleet.host(place.host),
        commit,
        project_id=profile.project_id,
        cwd=cwd,
        bundle=far.bundle,
        home=probe.home,
        nonce=new_nonce(),
        by=fleet.by,
        now_s=time.time(),
        overrides=overrides,
        parent=fleet.snapshot(place.name).run,
    )


async def _ask_until_known(
    fleet: Fleet, place: Place, request: dict[str, Any], nonce: str, step: Step
) -> dict[str, Any]:
    """Send a launch until the host has answered it. The nonce makes every repetition an answer, never a second job.

    Raises the host's refusal, or `Unreachable` (code `outcome_unknown`) if no answer came for `ANSWER_WITHIN_S`.
    """
    request = {"by": fleet.by, "secrets": {}, **request}
    deadline = time.monotonic() + ANSWER_WITHIN_S
    delay_s, crashes = RETRY_FIRST_S, 0
    far, link = fleet.far(place.host), fleet.connection(place.host)
    while True:
        try:
            await far.ready()
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
    spec, job = _spec_in(facts), facts.get("job")
    attempt = job.get("attempt") if isinstance(job, dict) else None
    if spec is None or not isinstance(attempt, str):
        raise refusal
    return Launched(place.name, place.host, spec.run, attempt, spec.commit, already=True)


def _spec_in(facts: dict[str, Any]) -> RunSpec | None:
    try:
        return RunSpec.from_dict(facts["spec"])
    except (KeyError, TypeError, WireError):
        return None


def _launched(fleet: Fleet, place: Place, answer: dict[str, Any], spec: RunSpec, verb: str = "launch") -> Launched:
    already = answer.get("same_nonce") is False
    run, attempt = str(answer.get("run")), str(answer.get("attempt"))
    if not (FOLDER_NAME.match(run) and attempt.rpartition(".")[0] == run):
        raise FarSideError(
            f"{place.host}: the answer to the launch of {place.name} names no run",
            hint=f"it started once or not at all; `trajvid-tui status {place.name}` will tell",
            code="outcome_unknown",
        )
    fleet.record(place.name, verb, shlex.join(spec.command), f"{'runs already' if already else 'started'}: {attempt}")
    return Launched(place.name, place.host, run, attempt, "" if already else spec.commit, already)


def check_overrides(place: Place, overrides: Sequence[str]) -> None:
    """Raises `UsageError` for what is not KEY=VALUE, and for a worker whose command takes none."""
    if checked(overrides) and place.worker is not None and place.worker.command:
        raise UsageError(f"{place.name} runs a command of its own, which takes no config overrides")


def _named_for(program: str, nonce: str) -> str:
    """A folder's name for a worker that nobody named. Raises `UsageError` where nothing of the program's can stay."""
    name = PurePosixPath(program).name
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "-" for char in name).strip("-")
    if not kept:
        raise UsageError(f"{program!r} has no letter or digit to name a worker by", hint="give it one with --name")
    return f"{kept[:40]}-{nonce[:4]}"
