"""`compare`: runs side by side, newest ones as their hosts know them, earlier ones as they were synced."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from remote.compare import Candidate, Comparison, compare
from remote.errors import RemoteError, UsageError
from remote.profiles import find_profile
from remote.run_folders import beside, find_run, read_candidate, runs_of
from remote.snapshot import RunSnapshot
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.compare.export import as_json, markdown
from tui.compare.page import page_lines
from tui.compare.table import Shown
from tui.widgets.braille import STYLE_ORDER


async def main(session: Session) -> Answer:
    """Compare what was named, by default every worker that ever ran."""
    arguments = session.arguments
    if arguments.markdown and arguments.json:
        raise UsageError("say --markdown or --json, not both")
    named = list(dict.fromkeys(arguments.runs))
    folders = {name: folder for name in named if (folder := find_run(_results(session), name)) is not None}
    workers = [name for name in named if name not in folders]
    failed: dict[str, RemoteError] = {}
    candidates: list[Candidate] = [_read(session, folder) for folder in folders.values()]
    hosts = 0
    if workers or not named:
        rows, failed, hosts = await _newest(session, workers)
        candidates += [_beside_folder(session, row) for row in rows if row.run]
        if arguments.previous:
            candidates += _previous(session, rows)
        candidates += _only_synced(session, [row for row in rows if not row.run], asked=bool(workers))
    candidates = list({(one.row.worker, one.row.run): one for one in reversed(candidates)}.values())[::-1]
    error = together(failed, hosts)
    if not candidates:
        raise error or UsageError("nothing to compare: no worker ever ran", hint="trajvid-tui launch WORKER starts one")
    now = session.fleet.clock() if workers or not named else 0.0
    return _answer(session, compare(candidates), now, error)


def _results(session: Session) -> Path | None:
    """The results folder; None where there is no profile, since a run that is named by its folder needs none."""
    arguments = session.arguments
    if arguments.runs and not arguments.profile and find_profile(Path.cwd()) is None:
        return None
    return session.profile.results


async def _newest(session: Session, workers: list[str]) -> tuple[list[RunSnapshot], dict[str, RemoteError], int]:
    """The newest run of each worker as its host knows it; of a host that does not answer, as it was last known."""
    failed: dict[str, RemoteError] = {}
    hosts: list[str] = []
    if not session.arguments.cached:
        known = await session.know(_as_workers(session, workers))
        every = {worker.host for worker in session.profile.workers.values()}
        hosts = sorted({session.host_of(name) for name in known} if known else every)
        failed = await session.reach(hosts)
        await session.fleet.judged()
    rows = session.rows(workers) if workers else session.fleet.snapshots()
    return rows, failed, len(hosts)


def _as_workers(session: Session, names: list[str]) -> list[str]:
    """Refuse what can only be a run's name before any host is asked. Raises `UsageError`."""
    for name in names:
        if "/" in name or Path(name).is_dir():
            raise UsageError(
                f"{name} holds no run that was synced", hint="trajvid-tui sync WORKER fetches one; or name its folder"
            )
    return names


def _read(session: Session, folder: Path) -> Candidate:
    """A run as it was synced; its host is that of its worker in the profile."""
    found = read_candidate(folder)
    workers = {} if _results(session) is None else session.profile.workers
    host = workers[found.row.worker].host if found.row.worker in workers else ""
    return replace(found, row=replace(found.row, host=host))


def _beside_folder(session: Session, row: RunSnapshot) -> Candidate:
    """A run as its host knows it, with what only its synced folder holds."""
    controls, data, digest = beside(session.profile.results / session.fleet.place(row.worker).slug / row.run)
    return Candidate(row, controls, data, digest)


def _previous(session: Session, rows: Iterable[RunSnapshot]) -> list[Candidate]:
    return [
        _read(session, folder)
        for row in rows
        for folder in runs_of(session.profile.results, session.fleet.place(row.worker).slug)
        if folder.name != row.run
    ]


def _only_synced(session: Session, rows: Iterable[RunSnapshot], *, asked: bool) -> list[Candidate]:
    """Of workers that no host has a run of, the newest one that was synced. Raises `UsageError` for a named one."""
    found = []
    for row in rows:
        folders = runs_of(session.profile.results, session.fleet.place(row.worker).slug)
        if folders:
            found.append(_read(session, folders[-1]))
        elif asked:
            raise UsageError(f"{row.worker} has never run", hint=f"trajvid-tui launch {row.worker}", code="not_started")
    return found


def _answer(session: Session, found: Comparison, now: float, error: RemoteError | None) -> Answer:
    arguments, wall_s = session.arguments, time.time()
    if arguments.png:
        from tui.compare.writing import content, save

        runs = [Shown(one, f"w{at}", STYLE_ORDER[at % len(STYLE_ORDER)]) for at, one in enumerate(found.rows)]
        save(Path(arguments.png), content("png", found, runs, "epoch", now, wall_s))
        session.say(f"drawn into {arguments.png}")
    if arguments.json:
        return Answer(as_json(found, now), error=error)
    if arguments.markdown:
        return Answer(text=markdown(found, now, wall_s).rstrip("\n"), error=error)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    lines = page_lines(found, [Shown(one) for one in found.rows], now, width, "")
    return Answer(text="\n".join("".join(text for text, _ in line).rstrip() for line in lines), error=error)
