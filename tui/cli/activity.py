"""`activity`: every action, by whom, exactly what ran, how it ended; of this laptop and of the hosts' own records."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from remote.activity import Activity, Deed, activity, matching
from remote.errors import UsageError
from tui.activity.lines import moment, source_line
from tui.activity.since import since
from tui.cli.envelope import Answer
from tui.cli.session import Session, together

LIMIT_MOST = 2000


async def main(session: Session) -> Answer:
    """Ask the hosts of the profile; what one that does not answer knows is missing, and said so."""
    arguments = session.arguments
    since_s = since(arguments.since, time.time())
    if not 1 <= arguments.limit <= LIMIT_MOST:
        raise UsageError(f"--limit takes a number from 1 to {LIMIT_MOST}")
    names = await session.know([arguments.worker] if arguments.worker else [])
    hosts = [session.host_of(name) for name in names]
    hosts = hosts or sorted({worker.host for worker in session.profile.workers.values()})
    failed = {} if arguments.cached else await session.reach(hosts)
    worker = names[0] if names else ""
    found = await activity(session.fleet, worker=worker, since_s=since_s, limit=arguments.limit)
    deeds = matching(found.deeds, arguments.filter)
    return Answer(
        _data(found, deeds, session.fleet.clock()), _text(session, found, deeds), together(failed, len(hosts))
    )


def _data(found: Activity, deeds: list[Deed], now: float) -> dict[str, Any]:
    sources = {
        host: {"age_s": None if one.at is None else round(now - one.at, 1), "problem": one.problem}
        for host, one in found.sources.items()
    }
    return {"actions": [asdict(deed) for deed in deeds], "sources": sources}


def _text(session: Session, found: Activity, deeds: list[Deed]) -> str:
    session.say("".join(text for text, _ in source_line(found.sources, session.fleet.clock())))
    return "\n".join(map(_lines, deeds)) if deeds else "nothing was done yet"


def _lines(deed: Deed) -> str:
    """Two lines: when, what, who, how it ended; and what ran."""
    what = f"{deed.verb} {deed.worker or deed.host}"
    head = f"{moment(deed.at_s)}  {what}  {deed.by}  [{deed.origin.value}]  {deed.result}".rstrip()
    return f"{head}\n    {deed.command}" if deed.command else head
