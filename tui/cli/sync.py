"""`sync`: fetch results into the project's results folder now, of the newest runs or of earlier ones."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from remote import runs
from remote.errors import RemoteError, UsageError
from remote.lacking import Lacking
from remote.pruning_plan import counted
from remote.snapshot import SyncPhase
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import cut, size
from tui.words import sync_words

REDRAW_S = 0.2


async def main(session: Session) -> Answer:
    """Fetch the newest run of the chosen workers, by default of all that ever ran; one run; or earlier ones besides."""
    arguments = session.arguments
    failed: dict[str, RemoteError] = {}
    if arguments.run:
        wanted = [await _named(session)]
    elif arguments.workers and not arguments.all:
        wanted = [(name, None) for name in await session.know(dict.fromkeys(arguments.workers))]
    else:
        failed = dict(await session.reach({worker.host for worker in session.profile.workers.values()}))
        rows = [row for row in session.fleet.snapshots() if row.run and row.host not in failed]
        wanted = [(row.worker, None) for row in rows]
    data, lines = [], []
    with _shown(session, [name for name, _ in wanted]):
        results = await asyncio.gather(*(_sync(session, name, one) for name, one in wanted))
    for (name, _), found in zip(wanted, results, strict=True):
        for one in found:
            if isinstance(one, RemoteError):
                failed[name] = one
            else:
                data.append(one)
                lines.append(_line(one))
    if not wanted and not failed:
        lines.append("nothing to fetch: no worker ever ran")
    return Answer({"synced": data}, "\n".join(lines), together(failed, len(wanted) or len(failed)))


async def _named(session: Session) -> tuple[str, Lacking | None]:
    """The one run that `--run` names."""
    arguments = session.arguments
    if len(arguments.workers) != 1 or arguments.all or arguments.earlier:
        hint = f"trajvid-tui sync WORKER --run {arguments.run}"
        raise UsageError("--run takes exactly one worker, and no --all or --earlier", hint=hint)
    [name] = await session.know(arguments.workers)
    return name, await runs.kept_run(session.fleet, name, arguments.run)


async def _sync(session: Session, name: str, named: Lacking | None) -> list[dict[str, Any] | RemoteError]:
    """What came of one worker, and the error that ended it."""
    found: list[dict[str, Any] | RemoteError] = []
    try:
        found.append(await _fetch(session, name, named))
        if session.arguments.earlier:
            for one in await runs.earlier_runs(session.fleet, name):
                found.append(await _fetch(session, name, one))
    except RemoteError as exc:
        found.append(exc)
    return found


async def _fetch(session: Session, name: str, earlier: Lacking | None) -> dict[str, Any]:
    fleet = session.fleet
    came = await runs.sync(fleet, name, everything=session.arguments.everything, earlier=earlier)
    run = earlier.run if earlier is not None else fleet.snapshot(name).run
    return {
        "worker": name,
        "run": run,
        "files": came.files,
        "bytes": came.bytes,
        "seconds": came.seconds,
        "method": came.method,
        "left_out": list(came.skipped),
        "notes": list(came.notes),
        "folder": str(fleet.results / fleet.place(name).slug / run),
    }


def _line(found: dict[str, Any]) -> str:
    text = f"{found['worker']}: {counted(found['files'], 'file')}, {size(found['bytes'])} by {found['method']}"
    text += f" in {found['seconds']:.1f} s -> {found['folder']}"
    if left := found["left_out"]:
        named = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        text += f"\n{found['worker']}: too large for the limits of `sync:`, so still on the host: {named}"
    return "\n".join([text, *(f"{found['worker']}: {note}" for note in found["notes"])])


@contextlib.contextmanager
def _shown(session: Session, names: list[str]) -> Iterator[None]:
    """On a terminal, a line for each transfer that runs, gone when all are done."""
    if session.arguments.json or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)

    def draw() -> Text:
        now = session.fleet.clock()
        rows = [session.fleet.snapshot(name) for name in names]
        busy = [row for row in rows if row.sync.phase is SyncPhase.RUNNING]
        lines = [cut(f"{row.worker}: {sync_words(row, now)[0]}", console.width) for row in busy]
        return Text("\n".join(lines[: max(1, console.height - 1)]))

    async def redraw(live: Live) -> None:
        while True:
            live.update(draw(), refresh=True)
            await asyncio.sleep(REDRAW_S)

    with Live(draw(), console=console, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        task = asyncio.ensure_future(redraw(live))
        try:
            yield
        finally:
            task.cancel()
