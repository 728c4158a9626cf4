"""`report`: one page of what ran since some moment: what passed, what failed and why, what it took."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from remote.report import HOUR_S, HostShare, PastRun, Report, report
from tui.activity.lines import moment
from tui.activity.since import since
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import age, duration, safe
from tui.results import result_words
from wire.state import State

SECTIONS = (
    ("Still going on", lambda run: run.state.active),
    ("Held at a gate, waits for a person", lambda run: run.state is State.HELD),
    ("Failed", lambda run: run.state in (State.FAILED, State.LOST)),
    ("Completed", lambda run: run.state is State.COMPLETED),
    ("Stopped", lambda run: run.state is State.STOPPED),
)
MINUTE = "%Y-%m-%d %H:%M"


async def main(session: Session) -> Answer:
    """Ask every host of the profile; of one that does not answer, tell what was synced from it."""
    arguments = session.arguments
    since_s = since(arguments.since, time.time())
    hosts = sorted({worker.host for worker in session.profile.workers.values()})
    failed = await session.reach(hosts)
    found = await report(session.fleet, hosts, since_s, failed)
    text = "\n".join(_page(found, _markdown if arguments.markdown else _plain))
    return Answer(_data(found), text, together(dict(failed), len(hosts)))


Entry = tuple[str, str]
"""(kind of line: `title`, `section`, `line`, `run`, `more`; its text)."""


def _page(found: Report, draw: Callable[[Entry], str]) -> list[str]:
    return [draw((kind, safe(text))) for kind, text in _entries(found)]


def _entries(found: Report) -> Iterable[Entry]:
    """The page, line by line."""
    yield "title", f"{found.project}: {moment(found.from_s, MINUTE)} to {moment(found.to_s, MINUTE)}"
    yield "line", _summary(found)
    for title, belongs in SECTIONS:
        runs = [run for run in found.runs if belongs(run)]
        if runs:
            yield "section", f"{title}: {len(runs)}"
        for run in runs:
            yield from _run(run)
    yield "section", "Where this is from"
    for share in found.hosts:
        yield "run", _source(share, sum(run.host == share.host and run.synced for run in found.runs))


def _summary(found: Report) -> str:
    """`12 runs of 5 workers: 7 completed, 3 failed; 31 h of runs, 62.0 hours of GPUs, about 12.50 USD of machines`."""
    if not found.runs:
        return "nothing ran"
    states = Counter(run.state.value for run in found.runs)
    workers = len({run.worker for run in found.runs})
    ended = ", ".join(f"{count} {state}" for state, count in states.most_common())
    parts = [f"{duration(sum(run.busy_s for run in found.runs))} of runs", *_gpus(found.runs)]
    costs = [share.cost_usd for share in found.hosts if share.cost_usd is not None]
    if costs:
        parts.append(f"about {sum(costs):.2f} USD of machines while they worked")
    return f"{_count(len(found.runs), 'run')} of {_count(workers, 'worker')}: {ended}; {', '.join(parts)}"


def _gpus(runs: Iterable[PastRun]) -> list[str]:
    """Hours of GPUs, as far as runs say what they used; a run that says nothing may have used any."""
    told = [run.gpu_s for run in runs]
    known, silent = sum(gpu_s for gpu_s in told if gpu_s), told.count(None)
    if not known:
        return []
    return [f"{known / HOUR_S:.1f} hours of GPUs" + (f" ({_count(silent, 'run')} not counted)" if silent else "")]


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _run(run: PastRun) -> Iterable[Entry]:
    when = "now" if run.state.active and not run.synced else f"{age(run.ended_ago_s)} ago"
    where = f" on {run.host}" if run.host else ""
    yield "run", f"{run.worker}{where}, {when}, after {duration(run.busy_s)} ({run.run})"
    code = f"{run.commit[:7]} {run.subject}".strip()
    if code:
        yield "more", f"{code}, by {run.by}" if run.by else code
    if run.state is State.LOST:
        yield "more", f"lost: {run.reason}"
    elif run.reason and run.state is not State.COMPLETED:
        yield "more", run.reason
    if run.passed_gate and run.state is not State.HELD:
        yield "more", "passed its gate"
    if run.result is not None:
        yield "more", result_words(run.result)[0]
    if run.synced:
        yield "more", "told by the copy here, not by its host"


def _source(share: HostShare, copies: int) -> str:
    worked = f"worked for {duration(share.busy_s)}"
    if share.cost_usd is not None:
        worked += f", about {share.cost_usd:.2f} USD"
    if share.problem:
        return f"{share.host}: {share.problem}; {_count(copies, 'run')} as synced here; {worked} at least"
    more = f"; {_count(share.left_out, 'run')} more not told" if share.left_out else ""
    return f"{share.host}: asked just now; {worked}{more}"


def _plain(entry: Entry) -> str:
    kind, text = entry
    return {"section": f"\n{text}", "run": f"  {text}", "more": f"      {text}"}.get(kind, text)


def _markdown(entry: Entry) -> str:
    kind, text = entry
    text = re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
    return {"title": f"# {text}\n", "section": f"\n## {text}\n", "run": f"- {text}", "more": f"  - {text}"}.get(
        kind, text
    )


def _data(found: Report) -> dict[str, Any]:
    return {
        "project": found.project,
        "from_s": found.from_s,
        "to_s": found.to_s,
        "runs": [
            {
                "worker": run.worker, "host": run.host, "run": run.run, "state": run.state.value, "reason": run.reason,
                "branch": run.branch, "commit": run.commit, "subject": run.subject, "by": run.by,
                "passed_gate": run.passed_gate, "busy_s": round(run.busy_s, 1), "gpu_s": run.gpu_s,
                "ended_ago_s": round(run.ended_ago_s, 1), "origin": "results" if run.synced else "host",
                "result": None if run.result is None else run.result.to_dict(),
            }
            for run in found.runs
        ],
        "hosts": [vars(share) for share in found.hosts],
    }  # fmt: skip
