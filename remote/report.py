"""What ran in some span of time, how it ended and what it took: as hosts tell it, else as the results here do.

Each host judges times by its own clock; only ages cross, so no two clocks have to agree.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.errors import RemoteError
from remote.fold import FOLDER_NAME
from remote.onhost.past import run_past
from remote.tidy import clock, tidy, whole
from wire.codec import WireError
from wire.records import RunSummary
from wire.run_dir import RunDir
from wire.state import State

if TYPE_CHECKING:
    from remote.fleet import Fleet

TIMEOUT_S = 120.0
HOUR_S = 3600.0

Span = tuple[float, float]
"""(seconds ago that it began, seconds ago that it ended)."""


@dataclass(frozen=True)
class PastRun:
    """One run that was active in the span."""

    worker: str
    host: str
    run: str
    state: State
    reason: str = ""
    """Why it is in this state; of a failed one with the last line that it printed."""
    branch: str = ""
    commit: str = ""
    subject: str = ""
    by: str = ""
    passed_gate: bool | None = None
    """None if it had no gate, or has not come to it."""
    result: RunSummary | None = None
    spans: tuple[Span, ...] = ()
    """When its attempts were active, within the span of the report."""
    gpu_s: float | None = 0.0
    """Seconds of GPUs, None where the run does not say how many it used."""
    synced: bool = False
    """True if this is told by the copy here, not by the host."""

    @property
    def busy_s(self) -> float:
        return sum(began - ended for began, ended in self.spans)

    @property
    def ended_ago_s(self) -> float:
        return min((ended for _, ended in self.spans), default=0.0)


@dataclass(frozen=True)
class HostShare:
    """What one host did for the project in the span, as far as it is known."""

    host: str
    busy_s: float
    """So long at least one run was active: what a machine by the hour costs."""
    cost_usd: float | None
    """None if the profile does not say what an hour costs."""
    problem: str = ""
    """Why it did not tell; then the results here are all that is known."""
    left_out: int = 0


@dataclass(frozen=True)
class Report:
    """One page."""

    project: str
    from_s: float
    to_s: float
    """This laptop's clock, epoch seconds."""
    runs: tuple[PastRun, ...]
    """What ended last, or goes on, first."""
    hosts: tuple[HostShare, ...]


async def report(fleet: Fleet, hosts: Collection[str], since_s: float, failed: Mapping[str, RemoteError]) -> Report:
    """Tell what was active since `since_s` (epoch seconds); `failed` says which hosts cannot be asked, and why."""
    now_s = time.time()
    within_s = max(0.0, now_s - since_s)
    told = await asyncio.gather(*(_of_host(fleet, host, within_s, failed.get(host)) for host in hosts))
    runs = [run for found, _, _ in told for run in found]
    known = {(run.worker, run.run) for run in runs}
    here = await asyncio.to_thread(lambda: list(_copies(fleet, now_s, within_s)))
    runs += [run for run in here if (run.worker, run.run) not in known]
    runs.sort(key=lambda run: (run.ended_ago_s, run.worker, run.run))
    shares = [
        _share(fleet, host, runs, problem, left_out)
        for host, (_, problem, left_out) in zip(hosts, told, strict=True)
    ]  # fmt: skip
    from_s = since_s or now_s - max((began for run in runs for began, _ in run.spans), default=0.0)
    return Report(fleet.profile.project, from_s, now_s, tuple(runs), tuple(shares))


async def _of_host(
    fleet: Fleet, host: str, within_s: float, error: RemoteError | None
) -> tuple[list[PastRun], str, int]:
    """A host's runs, or why it did not tell them, and how many more it has."""
    try:
        if error is not None:
            raise error
        far = fleet.far(host)
        await far.ready()
        asked = {"root": far.root, "project": fleet.profile.project_id, "within_s": min(within_s, 1e8)}
        answer = await far.call("past", asked, timeout_s=TIMEOUT_S)
        now_s, runs = clock(answer.get("clock_s")) or 0.0, answer.get("runs")
        found = []
        for item in runs if isinstance(runs, list) else ():
            if (run := _read(fleet, host, item, now_s, within_s)) is not None:
                found.append(run)
        return found, "", whole(answer.get("left_out"))
    except RemoteError as exc:
        return [], exc.message, 0
    except WireError as exc:
        return [], f"its answer makes no sense: {exc}", 0


def _copies(fleet: Fleet, now_s: float, within_s: float) -> Iterable[PastRun]:
    """The results here that tell of the span. Their clock is the host's, and nothing here corrects it."""
    for worker in fleet.profile.workers.values():
        for folder in _folders(fleet.profile.results / worker.slug):
            told = run_past(RunDir(str(folder)), now_s, now_s - within_s, here=True)
            if told is None:
                continue
            run = _read(fleet, worker.host, {**told, "worker": worker.slug}, now_s, within_s)
            if run is not None:
                reason = "had not ended when it was synced" if told["going_on"] else run.reason
                yield replace(run, synced=True, reason=reason)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if FOLDER_NAME.match(path.name) and path.is_dir())
    except OSError:
        return []


def _read(fleet: Fleet, host: str, told: Any, now_s: float, within_s: float) -> PastRun | None:
    """One run as a host tells it, None if that makes no sense."""
    try:
        item = tidy(told)
        slug, run, spec = item["worker"], item["run"], item["spec"]
        if not FOLDER_NAME.match(slug) or not FOLDER_NAME.match(run):
            return None
        result = RunSummary.from_dict(item["result"]) if item["result"] else None
        spans, gpus = _attempts(item["attempts"], now_s, within_s)
        return PastRun(
            worker=fleet.name_at(host, slug),
            host=host,
            run=run,
            state=State(item["state"]),
            reason=_why(item),
            branch=str(spec.get("branch") or ""),
            commit=str(spec.get("commit") or ""),
            subject=str(spec.get("subject") or ""),
            by=str(spec.get("by") or ""),
            passed_gate=_passed(result),
            result=result,
            spans=spans,
            gpu_s=gpus,
        )
    except (WireError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _attempts(
    told: Sequence[Mapping[str, Any]], now_s: float, within_s: float
) -> tuple[tuple[Span, ...], float | None]:
    """The attempts' shares of the span, and their seconds of GPUs."""
    spans: list[Span] = []
    gpu_s: float | None = 0.0
    for one in told:
        began, ended = (max(0.0, now_s - float(one[key])) for key in ("began_s", "ended_s"))
        began = min(began, within_s)
        if began < ended:
            continue
        spans.append((began, ended))
        gpus = one.get("gpus")
        gpu_s = None if gpus is None or gpu_s is None else gpu_s + whole(gpus) * (began - ended)
    return tuple(spans), gpu_s


def _why(item: Mapping[str, Any]) -> str:
    reason, last = str(item.get("reason") or ""), str(item.get("last_line") or "")
    if item["state"] == State.FAILED.value and last and last not in reason:
        return f"{reason}: {last}" if reason else last
    return reason


def _passed(result: RunSummary | None) -> bool | None:
    passed = result.gate.get("passed") if result is not None else None
    return passed if isinstance(passed, bool) else None


def _share(fleet: Fleet, host: str, runs: Iterable[PastRun], problem: str, left_out: int) -> HostShare:
    busy_s = union_s(span for run in runs if run.host == host for span in run.spans)
    cost = fleet.host(host).cost_per_hour_usd
    return HostShare(host, busy_s, None if cost is None else cost * busy_s / HOUR_S, problem, left_out)


def union_s(spans: Iterable[Span]) -> float:
    """Seconds in which at least one of the spans was going on."""
    total, until = 0.0, float("inf")
    for began, ended in sorted(spans, reverse=True):  # what began longest ago first
        began = min(began, until)
        if began > ended:
            total, until = total + began - ended, ended
    return total
