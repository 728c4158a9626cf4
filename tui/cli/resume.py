"""`resume`: go on from the last checkpoint, as a new attempt of the same run."""

from __future__ import annotations

import asyncio

from remote import runs
from remote.errors import RemoteError
from remote.runs import Launched
from tui.cli.envelope import Answer
from tui.cli.launch import finish
from tui.cli.session import Session


async def main(session: Session) -> Answer:
    """Resume every chosen worker."""
    session.changes()
    names = await session.know(session.chosen())
    results = await asyncio.gather(*(_resume(session, name) for name in names))
    launched = {name: found for name, found in zip(names, results, strict=True) if isinstance(found, Launched)}
    failed = {name: found for name, found in zip(names, results, strict=True) if isinstance(found, RemoteError)}
    return await finish(session, launched, failed)


async def _resume(session: Session, name: str) -> Launched | RemoteError:
    try:
        return await runs.resume(session.fleet, name, on_step=session.step_of(name))
    except RemoteError as exc:
        return exc
