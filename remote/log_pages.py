"""Earlier text than the stream tells: the end of any run's log, from the synced results or else from its host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote import synced
from remote.clean import clean
from remote.errors import FarSideError, RemoteError
from remote.fold import FOLDER_NAME
from remote.onhost.log_part import log_part as part
from remote.onhost.request import Refusal
from remote.onhost.tail import MAX_BYTES, log_tail
from wire.run_dir import RunDir

if TYPE_CHECKING:
    from remote.fleet import Fleet

PAGE_LINES = 20_000


@dataclass(frozen=True)
class LogPage:
    """The end of one run's log, at most `PAGE_LINES` lines and 1 MiB."""

    run: str
    lines: tuple[str, ...]
    """Cleaned."""
    attempts: tuple[tuple[int, int], ...]
    """(index of its first line, number) of each attempt that begins here; empty where nothing tells them apart."""
    skipped_bytes: int
    origin: str
    """Where the text comes from, for people."""
    age_s: float | None
    """How long ago the file was last written, where that is known."""


async def runs_of(fleet: Fleet, worker: str) -> tuple[list[str], str]:
    """Return the worker's runs, newest name first, and why the host's are not among them ('' if they are)."""
    place = fleet.place(worker)
    names = set(await asyncio.to_thread(_runs_here, fleet.profile.results / place.slug))
    why = ""
    try:
        far = fleet.far(place.host)
        await far.ready()
        asked = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug}
        told = (await far.call("runs", asked)).get("runs")
        found = [item.get("run") for item in told if isinstance(item, dict)] if isinstance(told, list) else []
        names.update(name for name in found if isinstance(name, str) and FOLDER_NAME.match(name))
    except RemoteError as exc:
        why = exc.message
    return sorted(names, reverse=True), why


async def log_page(fleet: Fleet, worker: str, run: str) -> LogPage:
    """Return the end of one run's log: the copy in the results folder if there is one, else asked from the host.

    Raises `FarSideError` and the connection's own errors.
    """
    place = fleet.place(worker)
    here = fleet.profile.results / place.slug / run
    page = await asyncio.to_thread(_page_here, here)
    if page is not None:
        return page
    far = fleet.far(place.host)
    await far.ready()
    asked = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug, "run": run}
    answer = await far.call("tail", {**asked, "lines": PAGE_LINES, "max_bytes": MAX_BYTES})
    return _page(run, answer, f"asked from {clean(place.host)}", None)


async def log_part(
    fleet: Fleet,
    worker: str,
    *,
    run: str = "",
    within_s: float | None = None,
    attempt: int = 0,
    lines: int = PAGE_LINES,
) -> LogPage:
    """Return the end of a part of a log: of a run (default: the newest), an attempt of it, the last `within_s` seconds.

    An earlier run that is whole here is read here. Raises as `log_page`.
    """
    place = fleet.place(worker)
    here = fleet.profile.results / place.slug / run
    mark = synced.read(here) if run else None
    if mark is not None and mark.complete:
        since_s = None if within_s is None else time.time() - within_s
        page = await asyncio.to_thread(_page_here, here, lambda found: part(found, lines, MAX_BYTES, since_s, attempt))
        if page is not None:
            return page
    far = fleet.far(place.host)
    await far.ready()
    asked = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug, "run": run}
    answer = await far.call(
        "tail", {**asked, "lines": lines, "max_bytes": MAX_BYTES, "part": attempt, "within_s": within_s}
    )
    told = answer.get("run")
    return _page(told if isinstance(told, str) else run, answer, f"asked from {clean(place.host)}", None)


def _runs_here(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if FOLDER_NAME.match(path.name) and path.is_dir()]
    except OSError:
        return []


def _whole(run: RunDir) -> dict[str, Any]:
    return log_tail(run, PAGE_LINES, MAX_BYTES)


def _page_here(folder: Path, read: Callable[[RunDir], Mapping[str, Any]] = _whole) -> LogPage | None:
    """None if there is no copy. Raises `FarSideError` if it is no plain file."""
    run = RunDir(str(folder))
    try:
        written_s = Path(run.log).lstat().st_mtime
        answer = read(run)
    except OSError:
        return None
    except Refusal as exc:
        raise FarSideError(f"{clean(str(folder))}: {exc.message}", hint=exc.hint, code=exc.code) from exc
    return _page(folder.name, answer, "copy here", max(0.0, time.time() - written_s))


def _page(run: str, answer: Mapping[str, Any], origin: str, age_s: float | None) -> LogPage:
    lines, begins, skipped = (answer.get(key) for key in ("lines", "attempts", "skipped_bytes"))
    told = tuple(clean(str(line)) for line in lines) if isinstance(lines, list) else ()
    pairs = [_pair(item, len(told)) for item in begins] if isinstance(begins, list) else []
    attempts = tuple(sorted(pair for pair in pairs if pair is not None))
    return LogPage(run, told, attempts, skipped if isinstance(skipped, int) else 0, origin, age_s)


def _pair(item: Any, lines: int) -> tuple[int, int] | None:
    """An attempt's first line and its number, None for what is no such pair."""
    if not isinstance(item, list) or len(item) != 2 or not all(isinstance(number, int) for number in item):
        return None
    index, number = item
    return (index, number) if 0 <= index < lines and number > 0 else None
