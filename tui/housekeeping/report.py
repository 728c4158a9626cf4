"""The page of what ran in some span of time: as plain text, and as Markdown."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable

from remote.errors import of_host
from remote.report import HOUR_S, HostShare, PastRun, Report
from tui.activity.lines import moment
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

Entry = tuple[str, str]
"""(kind of line: `title`, `section`, `line`, `run`, `more`; its text)."""


def page(found: Report, *, as_markdown: bool = False) -> list[str]:
    """The page, line by line; nothing in it that a terminal obeys."""
    draw = _markdown if as_markdown else _plain
    return [draw((kind, safe(text))) for kind, text in _entries(found)]


def _entries(found: Report) -> Iterable[Entry]:
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
        silent = [share.host for share in found.hosts if share.problem]
        return f"nothing ran, as far as is known without {', '.join(silent)}" if silent else "nothing ran"
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
        return f"{of_host(share.host, share.problem)}; {_count(copies, 'run')} as synced here; {worked} at least"
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


def file_name(wall_s: float) -> str:
    """`report-20260101T120000Z.md`."""
    return f"report-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(wall_s))}.md"
