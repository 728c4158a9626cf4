"""`kept`: which runs of a project this host keeps, so that a laptop can tell which of them it lacks. Names only."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from remote.onhost import parts, request
from wire.run_dir import Root

WORKERS_MAX = 1000
RUNS_MAX = 1000
"""Of each worker, the newest by name."""


def kept(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"workers": {worker: {"current": run, "runs": [{"run", "attempts"}]}}}`, runs newest name first.

    Runs that never had a supervisor are left out. Every one but the current is over: a worker runs one at a time.
    """
    root, project = request.root(asked), request.folder_name(asked, "project")
    asked_for = request.folder_name(asked, "worker", "")
    folder = os.path.join(root.runs, project)
    names = [asked_for] if asked_for else parts.names_in(folder)[:WORKERS_MAX]
    return {"workers": {name: _of(root, project, name) for name in names if os.path.isdir(os.path.join(folder, name))}}


def _of(root: Root, project: str, worker: str) -> Dict[str, Any]:
    runs: List[Dict[str, Any]] = []
    for name in sorted(parts.names_in(root.worker(project, worker)), reverse=True):
        attempts = parts.newest_attempt(root.run(project, worker, name))
        if attempts:
            runs.append({"run": name, "attempts": attempts})
        if len(runs) == RUNS_MAX:
            break
    return {"current": parts.current_run(root, project, worker), "runs": runs}
