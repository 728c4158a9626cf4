"""`status`: what every worker is doing, and how old that knowledge is."""

from __future__ import annotations

import os
import shutil
import sys

from tui.cli.describe import data_of, table
from tui.cli.envelope import Answer
from tui.cli.session import Session, together


async def main(session: Session) -> Answer:
    """Ask the hosts of these workers; rows of those that do not answer are shown as last known."""
    names = list(dict.fromkeys(session.arguments.workers))
    failed = {}
    hosts: list[str] = []
    if not session.arguments.cached:
        named = await session.know(names)
        of_profile = {worker.host for worker in session.profile.workers.values()}
        hosts = sorted({session.host_of(name) for name in named} if named else of_profile)
        failed = await session.reach(hosts)
        await session.fleet.judged()
    rows = session.rows(names) if names else session.fleet.snapshots()
    now = session.fleet.clock()
    error = together(failed, len(hosts))
    if session.arguments.json:
        return Answer({"workers": [data_of(row, now) for row in rows]}, error=error)
    if not rows:
        return Answer(text="no workers: the profile names none, and nothing runs", error=error)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    return Answer(text=table(rows, now, width=width, colour=bool(colour)), error=error)
