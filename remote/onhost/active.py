"""`active`: which runs of any project in this root are going on, for whoever is about to turn the machine off."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from remote.onhost import parts, request
from wire.run_dir import Root


def active(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"runs": [{project, worker, run, state}]}`."""
    return {"runs": active_runs(request.root(asked))}


def active_runs(root: Root) -> List[Dict[str, str]]:
    """Look at the newest run of every worker; a queued one counts."""
    found = []
    for project in parts.names_in(root.runs):
        for worker in parts.names_in(os.path.join(root.runs, project)):
            run = parts.current_run(root, project, worker)
            if run:
                state = parts.verdict(parts.facts(root, project, worker, run))[0]
                if state.active:
                    found.append({"project": project, "worker": worker, "run": run, "state": state.value})
    return found
