"""`actions`: who did what to the runs of a project, by whatever laptop, newest runs first."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Iterator, List, Tuple

from remote.onhost import parts, request
from remote.onhost.request import Refusal
from remote.onhost.tail import tail_of
from wire.codec import WireError, decode
from wire.records import Action
from wire.run_dir import Root

LIMIT = 2000
FILE_LINES, FILE_BYTES = 200, 256 * 1024
"""So much of one run's file is read: its end."""


def actions(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return the newest `limit` actions of one `worker`, or of all, newest last; `since_s` leaves older ones out."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    limit = min(LIMIT, max(1, int(request.number(asked, "limit", 500))))
    since_s = asked.get("since_s") or 0.0
    if isinstance(since_s, bool) or not isinstance(since_s, (int, float)):
        raise Refusal("bad_request", "`since_s` must be a number")
    found: List[Dict[str, Any]] = []
    for worker, run in _runs(root, project, request.folder_name(asked, "worker", "")):
        if len(found) >= limit:
            break  # runs are named by when they began, so what is left is older, but for a verb on an old run
        found += [{**item, "worker": worker, "run": run} for item in _of_run(root, project, worker, run, since_s)]
    found.sort(key=lambda item: float(item["at_s"]))
    return {"actions": found[-limit:], "clock_s": time.time()}


def _runs(root: Root, project: str, worker: str) -> Iterator[Tuple[str, str]]:
    """Every (worker, run), those that began last first."""
    folder = os.path.join(root.runs, project)
    workers = [worker] if worker else parts.names_in(folder)
    named = [(run, one) for one in workers for run in parts.names_in(os.path.join(folder, one)) if run != "lock"]
    return ((one, run) for run, one in sorted(named, reverse=True))


def _of_run(root: Root, project: str, worker: str, run: str, since_s: float) -> Iterator[Dict[str, Any]]:
    try:
        lines = tail_of(root.run(project, worker, run).actions, FILE_LINES, FILE_BYTES)["lines"]
    except Refusal:
        return  # not a regular file
    for line in lines:
        try:
            action = Action.from_dict(decode(line.encode("utf-8", "replace")))
        except WireError:
            continue
        if action.at_s >= since_s:
            yield {**action.to_dict(), "command": action.command[:4096], "result": action.result[:4096]}
