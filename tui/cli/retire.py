"""`retire`: make a held run final. It is shown as stopped, with who did so and why the gate held it."""

from __future__ import annotations

import asyncio

from remote import runs
from remote.errors import RemoteError
from remote.runs import Retired
from tui.cli.envelope import Answer
from tui.cli.session import Session, together


async def main(session: Session) -> Answer:
    """Retire every chosen worker; one that is not held is refused."""
    session.changes()
    names = await session.know(session.chosen())
    results = dict(zip(names, await asyncio.gather(*(_retire(session, name) for name in names)), strict=True))
    retired = {name: found for name, found in results.items() if isinstance(found, Retired)}
    failed = {name: found for name, found in results.items() if isinstance(found, RemoteError)}
    lines = [f"{name}: {'already ' if found.already else ''}{found.reason}" for name, found in retired.items()]
    data = {"retired": [vars(found) for found in retired.values()]}
    return Answer(data, "\n".join(lines), together(failed, len(names)))


async def _retire(session: Session, name: str) -> Retired | RemoteError:
    try:
        return await runs.retire(session.fleet, name)
    except RemoteError as exc:
        return exc
