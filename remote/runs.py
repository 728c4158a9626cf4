"""The verbs: what a key of the app does and what a headless command does is the same function here.

Each takes the fleet and a worker's name. A launch is retried over lost connections with the same nonce until the
host's answer is known, so it happens once or not at all, and is never claimed before the host said it.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from remote.errors import NeedsYou, Unreachable, UsageError
from remote.run_spec import new_nonce, run_id, spec_of
from remote.snapshot import Link, RunSnapshot
from wire.records import RunSpec
from wire.state import State

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.git import Commit, Consent
    from remote.places import Place
    from remote.transfer import SyncResult

ANSWER_WITHIN_S = 300.0
"""How long a launch whose answer was lost is asked for again."""
RETRY_FIRST_S, RETRY_MAX_S = 0.2, 5.0
LAUNCH_TIMEOUT_S = 60.0
STOP_MARGIN_S = 60.0
"""The stop verb waits for the grace, kills, and looks again; this much more is waited for its answer."""

T = TypeVar("T")
Step = Callable[[str], None]


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
    with _steps(fleet, worker, on_step) as step:
        step("reading the branch")
        commit = await commit_of(fleet, worker, consent)
        if on_commit is not None:
            on_commit(commit)
        step(f"connecting to {place.host}")
        spec = await _again_when_lost(lambda: _prepare(fleet, place, commit, overrides, discard, step), step)
        step("launching")
        answer = await _ask_until_known(fleet, place, {"spec": spec.to_dict(), "resume": False}, spec.nonce, step)
    return _launched(place, answer, commit.hash)


async def resume(fleet: Fleet, worker: str, *, on_step: Step | None = None) -> Launched:
    """Go on with the newest run from its last checkpoint, as a new attempt, on the commit that it always had."""
    place = fleet.place(worker)
    with _steps(fleet, worker, on_step) as step:
        step(f"connecting to {place.host}")
        facts = await _newest(fleet, place)
        run = str(facts.get("run") or "")
        if not run:
            raise UsageError(f"{worker} has never run, so there is nothing to resume", hint=f"launch {worker} instead")
        step("resuming")
        named = {"run": run, "project": fleet.profile.project_id, "worker": place.slug}
        nonce = new_nonce()
        answer = await _ask_until_known(fleet, place, {"spec": named, "resume": True, "nonce": nonce}, nonce, step)
    spec = facts.get("spec")
    return _launched(place, answer, str(spec.get("commit", "")) if isinstance(spec, dict) else "")


async def stop(fleet: Fleet, worker: str, *, grace_s: float | None = None) -> Stopped:
    """Ask for a checkpoint and an end, and wait until the processes are gone (after the grace they are killed)."""
    return await _stop(fleet, worker, grace_s, kill=False)


async def kill(fleet: Fleet, worker: str) -> Stopped:
    """End all processes of a worker at once."""
    return await _stop(fleet, worker, 0.0, kill=True)


async def sync(
    fleet: Fleet, worker: str, *, everything: bool = False, on_bytes: Callable[[int], None] | None = None
) -> SyncResult:
    """Fetch the newest run's results into the project's results folder now."""
    place = fleet.place(worker)
    if not fleet.snapshot(worker).run:
        await _learn(fleet, place)
    return await fleet.syncs.fetch(worker, everything=everything, on_bytes=on_bytes)


async def logs(fleet: Fleet, worker: str, *, lines: int = 200) -> list[str]:
    """The end of the newest run's training.log."""
    place = fleet.place(worker)
    far = fleet.far(place.host)
    await far.ready()
    request = {"project": fleet.profile.project_id, "worker": place.slug, "run": "", "lines": lines}
    answer = await far.call("tail", {"root": far.root, **request})
    found = answer.get("lines")
    return [str(line) for line in found] if isinstance(found, list) else []


async def wait(
    fleet: Fleet,
    workers: Sequence[str],
    *,
    runs: dict[str, Launched] | None = None,
    on_change: Callable[[RunSnapshot], None] | None = None,
) -> list[RunSnapshot]:
    """Return when every worker's run has ended. `runs` names the attempts that are meant, if they just began.

    Lost connections are waited out: they say nothing about the runs. The fleet must have been started.
    """
    seen: dict[str, RunSnapshot] = {}
    while True:
        for worker in workers:
            snapshot = fleet.snapshot(worker)
            if on_change is not None and seen.get(worker) is not snapshot:
                on_change(snapshot)
            seen[worker] = snapshot
        if all(_over(snapshot, (runs or {}).get(worker)) for worker, snapshot in seen.items()):
            return [seen[worker] for worker in workers]
        await fleet.changed()


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
    slug = _slug(name or PurePosixPath(command[0]).name, "" if name else nonce[:4])
    fleet.host(host)
    place = fleet.adopt(host, slug)
    with _steps(fleet, place.name, on_step) as step:
        step(f"connecting to {host}")
        far = fleet.far(host)
        await far.ready()
        now_s = time.time()
        spec = RunSpec(
            run=run_id("", nonce, now_s),
            project=fleet.profile.project_id,
            worker=slug,
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
    return _launched(place, answer, "")


def what_keeps_running(fleet: Fleet) -> list[RunSnapshot]:
    """The runs that go on when this laptop is closed, as far as it knows."""
    return [snapshot for snapshot in fleet.snapshots() if snapshot.state.active]


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


@contextmanager
def _steps(fleet: Fleet, worker: str, on_step: Step | None) -> Iterator[Step]:
    """Show each step in the worker's row while it lasts, and in `on_step`."""

    def step(text: str) -> None:
        fleet.note(worker, text)
        if on_step is not None:
            on_step(text)

    try:
        yield step
    finally:
        fleet.note(worker, "")


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


async def _again_when_lost(attempt: Callable[[], Awaitable[T]], step: Step) -> T:
    """Do something that may be done twice; a connection that was there and broke is worth another try."""
    deadline = time.monotonic() + ANSWER_WITHIN_S
    delay_s, tries = RETRY_FIRST_S, 0
    while True:
        try:
            return await attempt()
        except Unreachable as exc:
            tries += 1
            if tries >= 4 or time.monotonic() > deadline:
                raise
            step(f"again in {delay_s:.0f} s: {exc.message}")
        await asyncio.sleep(delay_s)
        delay_s = min(RETRY_MAX_S, delay_s * 2)


async def _ask_until_known(
    fleet: Fleet, place: Place, request: dict[str, Any], nonce: str, step: Step
) -> dict[str, Any]:
    """Send a launch until the host has answered it. The nonce makes every repetition an answer, never a second job.

    Raises the host's refusal, or `Unreachable` (code `outcome_unknown`) if no answer came for `ANSWER_WITHIN_S`.
    """
    deadline = time.monotonic() + ANSWER_WITHIN_S
    delay_s = RETRY_FIRST_S
    far = fleet.far(place.host)
    while True:
        try:
            await far.ready()
            return await far.call(
                "launch", {"root": far.root, "by": fleet.by, "secrets": {}, **request}, timeout_s=LAUNCH_TIMEOUT_S
            )
        except NeedsYou:
            raise
        except Unreachable as exc:
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"{place.host} did not answer the launch of {place.name} ({nonce}): {exc.message}",
                    hint=f"it started once or not at all; `trajvid-tui status {place.name}` will tell",
                    code="outcome_unknown",
                ) from exc
            step(f"asking again for the answer: {exc.message}")
        await asyncio.sleep(delay_s)
        delay_s = min(RETRY_MAX_S, delay_s * 2)


def _launched(place: Place, answer: dict[str, Any], commit: str) -> Launched:
    already = answer.get("same_nonce") is False
    return Launched(
        place.name,
        place.host,
        str(answer.get("run", "")),
        str(answer.get("attempt", "")),
        "" if already else commit,
        already,
    )


async def _stop(fleet: Fleet, worker: str, grace_s: float | None, *, kill: bool) -> Stopped:
    place = fleet.place(worker)
    far = fleet.far(place.host)
    with _steps(fleet, worker, None) as step:
        step("killing" if kill else "stopping")
        await far.ready()
        grace_s = _grace_s(fleet, place) if grace_s is None else grace_s
        request = {"project": fleet.profile.project_id, "worker": place.slug, "run": "", "kill": kill}
        answer = await far.call(
            "stop",
            {"root": far.root, "by": fleet.by, "grace_s": grace_s, **request},
            timeout_s=grace_s + STOP_MARGIN_S,
        )
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
    )


def _grace_s(fleet: Fleet, place: Place) -> float:
    spec = fleet.snapshot(place.name).spec
    if spec is not None:
        return spec.grace_s
    return place.worker.grace_s if place.worker is not None else 30.0


async def _newest(fleet: Fleet, place: Place) -> dict[str, Any]:
    """The host's own facts about the newest run of a worker, {} if it has none."""
    far = fleet.far(place.host)
    await far.ready()
    request = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug}
    found = (await far.call("status", request)).get("runs")
    first = found[0] if isinstance(found, list) and found else {}
    return first if isinstance(first, dict) else {}


async def _learn(fleet: Fleet, place: Place) -> None:
    """Ask the host once about a worker, where no follower is running."""
    facts = await _newest(fleet, place)
    if facts:
        fleet.host_said(place.host, {**facts, "k": "run", "worker": place.slug})


def _over(snapshot: RunSnapshot, meant: Launched | None) -> bool:
    if meant is not None and (snapshot.run, snapshot.attempt) != (meant.run, meant.attempt):
        return False
    if snapshot.link.link is not Link.LIVE or snapshot.seen_at is None:
        return False
    return snapshot.state.final or (meant is None and snapshot.state is State.NOT_STARTED)


def _slug(name: str, suffix: str) -> str:
    """A folder's name for an ad hoc worker. Raises `UsageError` where nothing of the name can stay."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "-" for char in name).strip("-")
    if not kept:
        raise UsageError(f"{name!r} has no letter or digit to name a worker by", hint="give it one with --name")
    return "-".join(part for part in (kept[:40], suffix) if part)
