"""`--wait`: live progress on stderr until the runs have ended, then their results, then one exit code for all."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from remote import runs
from remote.errors import HeldAtGate, RemoteError, RunFailed
from remote.snapshot import Link, RunSnapshot
from tui.cli.describe import data_of, metrics_text, progress_text, table
from tui.cli.session import Session
from wire.state import State

if TYPE_CHECKING:
    from remote.runs import Launched

REDRAW_S = 0.5


async def wait_and_fetch(
    session: Session, launched: dict[str, Launched]
) -> tuple[list[dict[str, Any]], RemoteError | None]:
    """Wait for these attempts and fetch their results; returns their data and the error that they amount to."""
    fleet, names = session.fleet, list(launched)
    session.on_interrupt = f"you left; {', '.join(names)} keep running: trajvid-tui status shows them, stop ends them"
    await fleet.start(names)
    with _shown(session, names) as view:
        rows = await runs.wait(fleet, names, runs=launched, on_change=view.change)
    for name in names:
        await _fetch(session, name)
    now = fleet.clock()
    for name in names:
        row = fleet.snapshot(name)
        session.say(f"{name}: {row.state.value}" + (f", {row.reason}" if row.reason else "") + f"; {_where(row)}")
    return [data_of(fleet.snapshot(name), now) for name in names], verdict(rows)


def verdict(rows: list[RunSnapshot]) -> RemoteError | None:
    """Nothing if all completed; `run_failed` if one did not, else `held` if one waits at a gate."""
    bad = [row for row in rows if row.state in (State.FAILED, State.LOST, State.STOPPED)]
    held = [row for row in rows if row.state is State.HELD]
    if bad:
        told = "; ".join(f"{row.worker} {row.state.value}" + (f" ({row.reason})" if row.reason else "") for row in bad)
        return RunFailed(told, hint=f"trajvid-tui logs {bad[0].worker} shows why")
    if held:
        told = "; ".join(f"{row.worker} {row.reason or row.state.value}" for row in held)
        return HeldAtGate(told, hint=f"`release {held[0].worker}` lets it go on all the same, `retire` gives it up")
    return None


async def _fetch(session: Session, name: str) -> None:
    try:
        await runs.sync(session.fleet, name)
    except RemoteError as exc:
        session.say(f"{name}: its results did not arrive: {exc.message}")


def _where(row: RunSnapshot) -> str:
    return f"results in {row.sync.folder}" if row.sync.at is not None else "results not fetched"


class _View(Protocol):
    def change(self, row: RunSnapshot) -> None: ...


@contextlib.contextmanager
def _shown(session: Session, names: list[str]) -> Iterator[_View]:
    """A table that redraws itself on a terminal, plain lines elsewhere, silence with --json."""
    if session.arguments.json:
        yield _Silent()
    elif sys.stderr.isatty():
        with _live(session, names):
            yield _Silent()
    else:
        yield _Lines(session)


@contextlib.contextmanager
def _live(session: Session, names: list[str]) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)

    def draw() -> Text:
        now = session.fleet.clock()
        rows = [session.fleet.snapshot(name) for name in names]
        return Text(table(rows, now, width=console.width, colour=False))

    async def redraw(live: Live) -> None:
        while True:
            live.update(draw(), refresh=True)
            await asyncio.sleep(REDRAW_S)

    with Live(draw(), console=console, auto_refresh=False, redirect_stdout=False) as live:
        task = asyncio.ensure_future(redraw(live))
        try:
            yield
        finally:
            task.cancel()
            live.update(draw(), refresh=True)


class _Silent:
    def change(self, row: RunSnapshot) -> None:
        pass


class _Lines:
    """One line whenever something that a person wants to know has changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: dict[str, str] = {}

    def change(self, row: RunSnapshot) -> None:
        progress, preparing = row.progress, row.state is State.PREPARING
        link = row.link
        told = [
            row.state.value,
            f"{link.link.value}: {link.reason}" if link.link in (Link.OFFLINE, Link.NEEDS_YOU) else "",
            row.reason,
        ]
        said = progress.message if progress is not None and preparing else ""
        epoch = (progress.phase, progress.epoch) if progress is not None else ()
        key = f"{told} {said} {epoch}"
        if self._last.get(row.worker) != key:
            self._last[row.worker] = key
            if progress is not None:
                told += [said or progress_text(row), metrics_text(row)]
            self._session.say(f"{row.worker}: " + ", ".join(part for part in told if part))
