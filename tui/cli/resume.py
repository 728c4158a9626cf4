"""`resume`: go on from the last checkpoint, as a new attempt of the same run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from remote import runs
from remote.errors import RemoteError
from remote.runs import Launched
from tui.cli.envelope import Answer
from tui.cli.launch import finish
from tui.cli.session import Session


async def main(session: Session) -> Answer:
    """Resume every chosen worker."""
    return await go_on(session, lambda name: runs.resume(session.fleet, name, on_step=session.step_of(name)))


async def go_on(session: Session, verb: Callable[[str], Awaitable[Launched]]) -> Answer:
    """Start a new attempt of every chosen worker at the same time, and say what became of each."""
    session.changes()
    names = await session.know(session.chosen())

    async def one(name: str) -> Launched | RemoteError:
        try:
            return await verb(name)
        except RemoteError as exc:
            return exc

    results = dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
    launched = {name: found for name, found in results.items() if isinstance(found, Launched)}
    failed = {name: found for name, found in results.items() if isinstance(found, RemoteError)}
    return await finish(session, launched, failed)
