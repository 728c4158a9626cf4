"""`logs`: the end of a worker's training.log, and with `-f` every new line until the run ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from remote import runs
from remote.errors import UsageError
from tui.cli.envelope import Answer
from tui.cli.session import Session

DRAIN_S = 1.0
"""So long after the end of a run its last lines are still waited for."""


async def main(session: Session) -> Answer:
    """Print the last lines; with --follow, go on."""
    arguments = session.arguments
    if arguments.tail < 0:
        raise UsageError("--tail takes a number from 0 up")
    if arguments.follow and arguments.json:
        raise UsageError("--follow has no end, so it cannot be one JSON object", hint="leave out --json or --follow")
    [name] = await session.know([arguments.worker])
    if not arguments.follow:
        lines = await runs.logs(session.fleet, name, lines=arguments.tail) if arguments.tail else []
        return Answer({"worker": name, "lines": lines}, "\n".join(lines))
    await _follow(session, name)
    return Answer()


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
