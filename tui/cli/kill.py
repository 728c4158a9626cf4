"""`kill`: end workers at once, without a checkpoint. Needs the worker's name typed, or --yes."""

from __future__ import annotations

from remote import runs
from remote.errors import Declined
from tui.cli.envelope import Answer
from tui.cli.session import Session
from tui.cli.stop import end


async def main(session: Session) -> Answer:
    """Kill every chosen worker, after consent."""
    session.changes()
    names = await session.know(session.chosen())
    if not session.arguments.yes:
        for name in names:
            typed = await session.ask(f"All work since the last checkpoint is lost. Type {name} to kill it: ")
            if typed is None:
                raise Declined(f"killing {name} needs a confirmation, and nobody is here to ask", hint="add --yes")
            if typed.strip() != name:
                raise Declined(f"{name} was not killed: that was not its name")
    return await end(session, names, lambda name: runs.kill(session.fleet, name))
