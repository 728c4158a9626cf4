"""The verbs: what a key of the app does and what a headless command does is the same function here.

Each takes the fleet and a worker's name. Raises the tree of `remote.errors`, never anything of a library's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from remote.activity import activity
from remote.ad_hoc import run_command
from remote.checklist import checklist_here, judge
from remote.doctor import examine
from remote.ec2_verbs import demand_unused, look_at_instance, start_instance, stop_instance
from remote.errors import NeedsYou
from remote.evidence import folder_here, told
from remote.fetch import Fetched, fetch
from remote.integrate import integrate
from remote.integrated import Integrated
from remote.lacking import Lacking, kept_run, lacking
from remote.launching import Launched, check_overrides, commit_of, launch
from remote.listing import files, run_place
from remote.log_pages import log_page, runs_of
from remote.proving import prove
from remote.prune import carry_out, survey
from remote.relaunching import relaunch
from remote.report import report
from remote.resuming import release, resume
from remote.retiring import Retired, retire
from remote.shell import open_shell
from remote.snapshot import Link, RunSnapshot
from remote.steps import newest_facts, recorded
from remote.stopping import Stopped, kill, stop
from remote.waiting import look
from remote.worktree_inventory import look_at_worktrees, remove_worktrees
from wire.state import State

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place
    from remote.transfer import SyncResult

__all__ = [
    "Fetched",
    "Integrated",
    "Lacking",
    "Launched",
    "Retired",
    "Stopped",
    "activity",
    "carry_out",
    "check_overrides",
    "checklist_here",
    "commit_of",
    "demand_unused",
    "earlier_runs",
    "examine",
    "fetch",
    "files",
    "folder_here",
    "integrate",
    "judge",
    "kept_run",
    "kill",
    "launch",
    "log_page",
    "logs",
    "look",
    "look_at_instance",
    "look_at_worktrees",
    "open_shell",
    "prove",
    "relaunch",
    "release",
    "remove_worktrees",
    "report",
    "resume",
    "retire",
    "run_command",
    "run_place",
    "runs_of",
    "start_instance",
    "stop",
    "stop_instance",
    "survey",
    "sync",
    "told",
    "wait",
    "what_keeps_running",
]


@recorded("sync")
async def sync(
    fleet: Fleet,
    worker: str,
    *,
    everything: bool = False,
    earlier: Lacking | None = None,
) -> SyncResult:
    """Fetch the newest run's results, or those of an earlier run, into the project's results folder now."""
    place = fleet.place(worker)
    if not fleet.snapshot(worker).confirmed(fleet.clock()):
        await _learn(fleet, place)
    run, attempts = (earlier.run, earlier.attempts) if earlier is not None else ("", 0)
    result = await fleet.syncs.fetch(worker, run=run, everything=everything, attempts=attempts)
    fleet.record(worker, "sync", result.method, f"{result.files} files" + (f" of {run}" if run else ""))
    return result


async def earlier_runs(fleet: Fleet, worker: str) -> list[Lacking]:
    """The runs of a worker before its current one that this laptop lacks, newest first."""
    return await lacking(fleet, fleet.place(worker).host, worker)


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
    runs: Mapping[str, Launched] | None = None,
    on_change: Callable[[RunSnapshot], None] | None = None,
) -> list[RunSnapshot]:
    """Return when every worker's run has ended. `runs` names the attempts that are meant, if they just began.

    Lost connections are waited out: they say nothing about the runs. Raises `NeedsYou` if a host asks what nobody
    answers.
    """
    await fleet.start(workers, sync=False)  # without a follower nothing would ever change
    meant = dict(runs or {})
    seen: dict[str, RunSnapshot] = {}
    while True:
        for worker in workers:
            snapshot = fleet.snapshot(worker)
            if worker in meant and _reached(snapshot, meant[worker]):
                del meant[worker]
            # Until then the row may still show the run before, whose end is no news.
            if on_change is not None and worker not in meant and seen.get(worker) is not snapshot:
                on_change(snapshot)
            seen[worker] = snapshot
            if snapshot.link.link is Link.NEEDS_YOU:
                raise NeedsYou(f"{worker}: {snapshot.host} needs you: {snapshot.link.reason}")
        if not meant and all(map(_over, seen.values())):
            return [seen[worker] for worker in workers]
        await fleet.changed()


def what_keeps_running(fleet: Fleet) -> list[RunSnapshot]:
    """The runs that go on when this laptop is closed, as far as it knows."""
    return [snapshot for snapshot in fleet.snapshots() if snapshot.state.active]


async def _learn(fleet: Fleet, place: Place) -> None:
    """Ask the host once about a worker, where no follower is running."""
    facts = await newest_facts(fleet, place)
    if facts:
        fleet.host_said(place.host, {**facts, "k": "run", "worker": place.slug})


def _reached(snapshot: RunSnapshot, meant: Launched) -> bool:
    """True once the row shows the attempt that is meant, or one that came after it and so proves its end."""
    if snapshot.seen_at is None:
        return False
    if (snapshot.run, snapshot.attempt) == (meant.run, meant.attempt):
        return True
    # Names begin with the second of the launch; within one second their order means nothing.
    return snapshot.run.partition("-")[0] > meant.run.partition("-")[0]


def _over(snapshot: RunSnapshot) -> bool:
    if snapshot.link.link is not Link.LIVE or snapshot.seen_at is None:
        return False
    return snapshot.state.final or snapshot.state is State.NOT_STARTED
