"""`release`: let a held run go on past its gate all the same, as a new attempt of the same run."""

from __future__ import annotations

from remote import runs
from tui.cli.envelope import Answer
from tui.cli.resume import go_on
from tui.cli.session import Session


async def main(session: Session) -> Answer:
    """Release every chosen worker; one that is not held is refused."""
    return await go_on(session, lambda name: runs.release(session.fleet, name, on_step=session.step_of(name)))
