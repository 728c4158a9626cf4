"""`status` and `runs`: what the run directories of a project say, with the proof of life."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Tuple

from remote.onhost import parts, request
from wire.run_dir import Root, RunDir


def status(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return all facts about the newest run of each worker (or of one)."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    found: List[Tuple[RunDir, Dict[str, Any]]] = []
    for worker in _workers(root, project, request.folder_name(asked, "worker", "")):
        name = parts.current_run(root, project, worker)
        if name:
            run = root.run(project, worker, name)
            found.append((run, {"k": "run", "worker": worker, "run": name, **parts.read_run(run)}))
    parts.prove_life(found, thorough=True)
    for run, facts in found:
        facts["checkpoint_age_s"] = parts.checkpoint_age_s(run, facts["progress"])
    return {"runs": [facts for _, facts in found]}


def runs(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return one short line about every run of a worker, newest name last."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    worker = request.folder_name(asked, "worker")
    names = parts.run_names(root, project, worker)
    found = [(root.run(project, worker, name), parts.read_run(root.run(project, worker, name))) for name in names]
    parts.prove_life(found)
    return {"runs": [_line(run, facts) for run, facts in found], "current": parts.current_run(root, project, worker)}


def _line(run: RunDir, facts: Dict[str, Any]) -> Dict[str, Any]:
    state, code, reason = parts.verdict(facts)
    spec = facts["spec"] or {}
    return {
        "run": os.path.basename(run.path),
        "attempts": facts["attempt"],
        "state": state.value,
        "code": code,
        "reason": reason,
        "branch": spec.get("branch", ""),
        "commit": spec.get("commit", ""),
        "subject": spec.get("subject", ""),
        "by": spec.get("by", ""),
        "created_s": spec.get("created_s", 0.0),
    }


def _workers(root: Root, project: str, worker: str) -> List[str]:
    folder = os.path.join(root.runs, project)
    names = [worker] if worker else parts.names_in(folder)
    return [name for name in names if os.path.isdir(os.path.join(folder, name))]
