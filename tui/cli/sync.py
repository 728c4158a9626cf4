"""`sync`: fetch results into the project's results folder now."""

from __future__ import annotations

import asyncio
from typing import Any

from remote import runs
from remote.errors import RemoteError
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import size


async def main(session: Session) -> Answer:
    """Fetch the newest run of the chosen workers, by default of all that ever ran."""
    arguments = session.arguments
    failed: dict[str, RemoteError] = {}
    if arguments.workers and not arguments.all:
        names = await session.know(dict.fromkeys(arguments.workers))
    else:
        failed = dict(await session.reach({worker.host for worker in session.profile.workers.values()}))
        names = [row.worker for row in session.fleet.snapshots() if row.run and row.host not in failed]
    results = await asyncio.gather(*(_sync(session, name) for name in names))
    data, lines = [], []
    for name, found in zip(names, results, strict=True):
        if isinstance(found, RemoteError):
            failed[name] = found
        else:
            data.append(found)
            lines.append(
                f"{name}: {found['files']} files, {size(found['bytes'])} by {found['method']}"
                f" in {found['seconds']:.1f} s -> {found['folder']}"
            )
    if not names and not failed:
        lines.append("nothing to fetch: no worker ever ran")
    return Answer({"synced": data}, "\n".join(lines), together(failed, len(names) or len(failed)))


async def _sync(session: Session, name: str) -> dict[str, Any] | RemoteError:
    try:
        found = await runs.sync(session.fleet, name, everything=session.arguments.everything)
    except RemoteError as exc:
        return exc
    row = session.fleet.snapshot(name)
    return {
        "worker": name,
        "run": row.run,
        "files": found.files,
        "bytes": found.bytes,
        "seconds": found.seconds,
        "method": found.method,
        "folder": row.sync.folder,
    }
