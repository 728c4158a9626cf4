"""`relaunch`: the newest run once more, as a new run with changes, on the commit of its branch now."""

from __future__ import annotations

import asyncio

from remote import runs
from remote.errors import RemoteError
from remote.runs import Launched
from tui.cli.envelope import Answer
from tui.cli.launch import Teller, demand_consent, finish, started
from tui.cli.session import Session
from tui.words import parent_words


async def main(session: Session) -> Answer:
    """Relaunch every chosen worker at the same time."""
    session.changes()
    names = session.chosen()
    for name in names:
        session.fleet.place(name)
    await demand_consent(session)
    teller = Teller(session)
    session.on_interrupt = "interrupted while launching; trajvid-tui status tells what began"
    answers = await asyncio.gather(*(started(runs.relaunch, session, teller, name) for name in names))
    results = dict(zip(names, answers, strict=True))
    launched = {name: found for name, found in results.items() if isinstance(found, Launched)}
    failed = {name: found for name, found in results.items() if isinstance(found, RemoteError)}
    for name, found in launched.items():
        if not found.already:
            session.say(f"{name}: {parent_words(found)}")
    return await finish(session, launched, failed)
