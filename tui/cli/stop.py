"""`stop`: end workers after a checkpoint. It says *stopped* when their processes are gone, not when it asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from remote import runs
from remote.errors import FarSideError, RemoteError, UsageError
from remote.runs import Stopped
from tui.cli.envelope import Answer
from tui.cli.session import Session, together

GRACE_MAX_S = 24 * 3600.0
"""As in a profile."""


async def main(session: Session) -> Answer:
    """Stop every chosen worker."""
    session.changes()
    given = session.arguments.grace
    if given is not None and not 0 <= given <= GRACE_MAX_S:
        raise UsageError(f"--grace takes seconds from 0 to {GRACE_MAX_S:.0f}, not {given:g}")
    names = await session.know(session.chosen())
    grace_s = session.arguments.grace
    return await end(session, names, lambda name: runs.stop(session.fleet, name, grace_s=grace_s))


async def end(session: Session, names: list[str], verb: Callable[[str], Awaitable[Stopped]]) -> Answer:
    """Apply `verb` to all at the same time and say what became of each."""

    async def one(name: str) -> Stopped | RemoteError:
        session.say(f"{name}: asking {session.host_of(name)}")
        try:
            return await verb(name)
        except RemoteError as exc:
            return exc

    results = dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
    failed: dict[str, RemoteError] = {}
    lines = []
    for name, found in results.items():
        if isinstance(found, Stopped):
            lines.append(f"{name}: {_told(found, session.arguments.verb)}")
            if not found.stopped:
                left = ", ".join(map(str, found.left))
                failed[name] = FarSideError(
                    f"{name} is not stopped: processes {left} are still there",
                    hint=f"trajvid-tui kill {name}",
                    code="left",
                )
        else:
            failed[name] = found
    data = {"stopped": [vars(found) for found in results.values() if isinstance(found, Stopped)]}
    return Answer(data, "\n".join(lines), together(failed, len(names)))


def _told(found: Stopped, verb: str) -> str:
    if not found.was_running:
        return f"was not running ({found.state})"
    code = f", exit code {found.code}" if found.code is not None else ""
    return f"{found.state}{code}" + (", had to be killed" if found.forced and verb == "stop" else "")
