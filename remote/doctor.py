"""doctor: look at the laptop and at hosts, say what is well and what is not, and how to mend it.

    await examine(fleet, hosts)    one `Report` a place, the laptop's first; a host that fails is a report too

Nothing is changed, but by `fix`: folders and files of ours, keys and ~/.ssh/config are closed to others, runs may
outlive the last logout, and unfinished files that nobody will finish go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from remote import checks, cluster_checks
from remote.checks import LAPTOP, Check, Report, Verdict
from remote.clean import clean
from remote.errors import (
    ConfigError,
    HostKeyChanged,
    HostKeyUnknown,
    NeedsYou,
    RemoteError,
    Unreachable,
    UsageError,
)
from remote.hosts import place_of
from remote.laptop_checks import look_here
from remote.ssh_checks import look_at_way
from remote.tidy import clock
from wire.codec import WireError

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.profiles import Host, Worker

HOST_TIMEOUT_S = 300.0
"""Importing torch alone may take a minute of a slow disk."""
NAMES: tuple[tuple[type[RemoteError], str], ...] = (
    (HostKeyUnknown, "host key"),
    (HostKeyChanged, "host key"),
    (NeedsYou, "authentication"),
    (Unreachable, "connection"),
    (ConfigError, "ssh config"),
    (UsageError, "host entry"),
)
"""What failed, by the error that says so; any other is the host's own answer."""


async def examine(
    fleet: Fleet, hosts: Collection[str], *, laptop: bool = True, fix: bool = False,
    on_report: Callable[[Report], None] | None = None,
) -> list[Report]:  # fmt: skip
    """Look at all of them at once; `on_report` is given each as it comes."""

    async def one(look: Awaitable[list[Check]], place: str) -> Report:
        report = Report(place, fleet.clock(), tuple(await look))
        if on_report is not None:
            on_report(report)
        return report

    ssh = any(fleet.host(name).kind == "ssh" for name in fleet.profile.hosts)
    looks = [one(look_here(fleet.results, ssh=ssh, fix=fix), LAPTOP)] if laptop else []
    return await asyncio.gather(*looks, *(one(look_there(fleet, name, fix=fix), name) for name in hosts))


async def look_there(fleet: Fleet, name: str, *, fix: bool = False) -> list[Check]:
    """Every check of one host; if it cannot be reached, why, and what to do."""
    host, workers = fleet.host(name), [w for w in fleet.profile.workers.values() if w.host == name]
    far, way = fleet.far(name), await look_at_way(host, fix=fix)
    try:
        await far.ready()
        began, wall_s = time.monotonic(), time.time()
        pythons = sorted({worker.python for worker in workers if worker.python})
        asked = {"pythons": pythons, "create": any(worker.environment for worker in workers), "fix": fix}
        asked["slurm"] = host.slurm if host.launcher == "slurm" else None
        found = await far.call("doctor", {"root": far.root, **asked}, timeout_s=HOST_TIMEOUT_S)
    except RemoteError as exc:
        return [*way.checks(exc), *_reached(host, exc), checks.fail(_named(exc), exc.message, exc.hint)]
    took_s = time.monotonic() - began
    seen = fleet.links().get(name)
    trip = f", {seen.round_trip_s * 1000:.0f} ms" if seen is not None and seen.round_trip_s is not None else ""
    told = judged(found, wall_s=wall_s, took_s=took_s, workers=workers)
    return [*way.checks(None), *_reached(host, None, trip), *told, *await _idle_stop(fleet, name)]


async def _idle_stop(fleet: Fleet, name: str) -> list[Check]:
    """Whether an EC2 host stops itself when idle, where its profile wishes it."""
    place = fleet.host(name).ec2
    if place is None or not place.idle_stop_min:
        return []
    from remote.ec2_idle import arrange

    await arrange(fleet, name)
    standing = next(host.ec2 for host in fleet.hosts() if host.name == name)
    return [checks.idle_stop(place.idle_stop_min, standing.no_idle_stop if standing is not None else "")]


def judged(found: Mapping[str, Any], *, wall_s: float, took_s: float, workers: Sequence[Worker] = ()) -> list[Check]:
    """The checks of what a host says of itself, asked for at `wall_s` of our clock, in an answer that took `took_s`.

    `workers`: those whose wishes a cluster must be able to grant.
    """
    try:
        told = _checks_of(found, _clock(found.get("clock_s"), wall_s, took_s))
        return [*told, *cluster_checks.cluster(found.get("slurm"), workers, str(found.get("root", "")))]
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return [checks.fail("far side", "its answer makes no sense", "is it the host that you think it is?")]


def _checks_of(found: Mapping[str, Any], clock_there: Check) -> list[Check]:
    has_gpu = isinstance(found.get("gpu_processes"), list)
    torches = {python: one for python, one in dict(found.get("torch") or {}).items() if isinstance(one, dict)}
    return [
        checks.fine("python", f"{found.get('python')} runs the far side"),
        checks.git(found.get("git"), where="there"),
        checks.host_rsync(found.get("rsync")),
        checks.root(found),
        checks.locks(found.get("flock") is True),
        checks.disk(_count(found, "disk_free_bytes"), _count(found, "disk_total_bytes"),
                    mend="remove old runs there, or move `root:` of this host"),
        checks.inodes(_count(found, "inodes_free"), _count(found, "inodes_total")),
        clock_there,
        checks.detaching(found),
        checks.logout(found),
        checks.leftovers(dict(found.get("leftovers") or {})),
        *checks.gpu_processes(found.get("gpu_processes")),
        *(checks.torch(python, answer, has_gpu=has_gpu) for python, answer in torches.items()),
        *checks.created(found.get("create")),
    ]  # fmt: skip


def _clock(told: object, wall_s: float, took_s: float) -> Check:
    try:
        clock_s = clock(told)
    except WireError as exc:
        return checks.wrong_clock(str(exc))
    return checks.clock(_skew((clock_s or 0.0) - wall_s, took_s))


def _skew(ahead_s: float, took_s: float) -> float:
    """Skew of a clock that was `ahead_s` of ours as it was asked for, in an answer that took `took_s`.

    Where between question and answer the host read it is not known: no skew within that time is claimed.
    """
    return ahead_s if ahead_s < 0 else max(0.0, ahead_s - took_s)


def _named(error: RemoteError) -> str:
    if error.hop and isinstance(error, Unreachable):
        return "jump host"
    return next((name for kind, name in NAMES if isinstance(error, kind)), "far side")


def _count(found: Mapping[str, Any], key: str) -> int:
    value = found.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _reached(host: Host, error: RemoteError | None, trip: str = "") -> list[Check]:
    """What the way to the host says: authentication and host key come before everything else."""
    where = clean(place_of(host))
    if error is not None and error.hop:
        return []
    if host.kind == "embedded":
        return [] if isinstance(error, Unreachable) else [checks.fine("connection", where)]
    if isinstance(error, (HostKeyUnknown, HostKeyChanged)):
        return [checks.fine("connection", f"{where} answers")]
    if isinstance(error, NeedsYou):
        return [checks.fine("connection", f"{where} answers"), checks.fine("host key", "on record")]
    if isinstance(error, (Unreachable, UsageError)):
        return []
    return [
        checks.fine("connection", where + trip),
        checks.fine("host key", "on record"),
        checks.fine("authentication", "accepted"),
    ]


def worst(reports: Sequence[Report]) -> Verdict:
    """The gravest verdict of all."""
    order = (Verdict.FAIL, Verdict.WARN, Verdict.PASS)
    return next((one for one in order if any(report.count(one) for report in reports)), Verdict.SKIP)
