"""`active`: which runs of any project in this root are going on, for whoever is about to turn the machine off."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Tuple

from remote.onhost import parts, request
from wire.run_dir import Root


def active(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"runs": [{project, worker, run, state}]}`."""
    return {"runs": active_runs(request.root(asked))}


def active_runs(root: Root) -> List[Dict[str, str]]:
    """Look at the newest run of every worker; a queued one counts."""
    found = []
    for names, facts in newest_runs(root):
        state = parts.verdict(facts)[0]
        if state.active:
            found.append({**names, "state": state.value})
    return found


def newest_runs(root: Root) -> List[Tuple[Dict[str, str], parts.Parts]]:
    """Return {project, worker, run} of every worker's newest run with all its parts, lives proved in one look."""
    found = []
    for project in parts.names_in(root.runs):
        for worker in parts.names_in(os.path.join(root.runs, project)):
            run = parts.current_run(root, project, worker)
            if run:
                where = root.run(project, worker, run)
                found.append(({"project": project, "worker": worker, "run": run}, where, parts.read_run(where)))
    parts.prove_life([(where, facts) for _, where, facts in found])
    return [(names, facts) for names, _, facts in found]
