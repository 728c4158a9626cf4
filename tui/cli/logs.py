"""`logs`: the end of a worker's training.log, or of a part of it; with `-f` every new line until the run ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from remote import runs
from remote.errors import UsageError
from remote.log_pages import PAGE_LINES, log_part
from remote.who import nearest
from tui.activity.since import since
from tui.cli.envelope import Answer
from tui.cli.session import Session
from tui.format import size

LINES = 200
"""So many of the newest run are shown if nobody says otherwise."""
DRAIN_S = 1.0
"""So long after the end of a run its last lines are still waited for."""


async def main(session: Session) -> Answer:
    """Print the last lines; with --follow, go on."""
    arguments = session.arguments
    is_part = bool(arguments.since or arguments.run or arguments.attempt)
    if arguments.tail is None:
        arguments.tail = PAGE_LINES if is_part else LINES
    if arguments.tail < 0:
        raise UsageError("--tail takes a number from 0 up")
    if is_part and not arguments.tail:
        raise UsageError("--tail takes a number from 1 up with --since, --run or --attempt")
    if arguments.follow and arguments.json:
        raise UsageError("--follow has no end, so it cannot be one JSON object", hint="leave out --json or --follow")
    if arguments.follow and is_part:
        raise UsageError("--follow shows the newest run from its end on", hint="leave out --since, --run and --attempt")
    if arguments.attempt < 0:
        raise UsageError("--attempt takes a number from 1 up")
    [name] = await session.know([arguments.worker])
    if is_part:
        return await _part(session, name)
    if not arguments.follow:
        lines = await runs.logs(session.fleet, name, lines=arguments.tail) if arguments.tail else []
        return Answer({"worker": name, "lines": lines}, "\n".join(lines))
    await _follow(session, name)
    return Answer()


async def _part(session: Session, name: str) -> Answer:
    """The end of a part of a log; what of the part was left out is said."""
    arguments = session.arguments
    if arguments.run:
        known, why = await runs.runs_of(session.fleet, name)
        if arguments.run not in known:
            raise UsageError(
                f"{name} has no run {arguments.run!a}", hint=why or nearest(arguments.run, known), code="unknown_run"
            )
    now_s = time.time()
    within_s = now_s - since(arguments.since, now_s) if arguments.since else None
    if within_s is not None and within_s < 0:
        raise UsageError("--since lies ahead")
    page = await log_part(
        session.fleet, name, run=arguments.run, within_s=within_s, attempt=arguments.attempt, lines=arguments.tail
    )
    left_out = f"; {size(page.skipped_bytes)} before that left out" if page.skipped_bytes else ""
    session.say(f"{page.run}: {page.origin}{left_out}")
    data = {"worker": name, "run": page.run, "lines": page.lines, "skipped_bytes": page.skipped_bytes}
    return Answer({**data, "origin": page.origin}, "\n".join(page.lines))


async def _follow(session: Session, name: str) -> None:
    fleet, first = session.fleet, session.arguments.tail
    session.on_interrupt = f"you left; {name} keeps running"
    failed = await session.reach([session.host_of(name)])
    for error in failed.values():
        raise error
    if not fleet.snapshot(name).run:
        raise UsageError(f"{name} has never run", hint=f"trajvid-tui launch {name}", code="not_started")
    began = False

    def show(lines: list[str], skipped_bytes: int) -> None:
        nonlocal began
        shown = lines if began else lines[-first:] if first else []
        if began and skipped_bytes:
            session.say(f"({skipped_bytes} bytes of the log were skipped)")
        began = True
        if shown:
            print("\n".join(shown), flush=True)

    fleet.on_log(name, show)
    fleet.select(name)
    await runs.wait(fleet, [name])
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(DRAIN_S):
                await fleet.changed()
