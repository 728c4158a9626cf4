"""Which bundles and environments of a host somebody needs: runs of any project that are kept, and processes that live.

What no record names may still be loaded by a process: its command line or its environment then has the path.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, Iterator, List, Set

from remote.onhost import parts, processes
from remote.onhost.active import newest_runs
from wire.run_dir import Root


def named_bundles(root: Root) -> Set[str]:
    """Return the digests of the bundles that some run of some project was launched with: a resume needs them."""
    folder = os.path.dirname(root.bundle("x"))
    found: Set[str] = set()
    for spec in specs(root):
        variables = spec.get("env")
        path = variables.get("PYTHONPATH") if isinstance(variables, dict) else ""
        for text in (spec.get("bundle"), *(str(path or "").split(os.pathsep))):
            if isinstance(text, str) and os.path.dirname(text) == folder:
                found.add(os.path.basename(text))
    return found


def specs(root: Root) -> Iterator[Dict[str, Any]]:
    """Every run's spec in this root, of all projects."""
    for project in parts.names_in(root.runs):
        for worker in parts.names_in(os.path.join(root.runs, project)):
            for run in parts.names_in(root.worker(project, worker)):
                spec = parts.read_part(root.run(project, worker, run).spec) if run != "lock" else None
                if spec:
                    yield spec


def in_processes(paths: Iterable[str]) -> Set[str]:
    """Return those of the paths that a living process of this user names."""
    texts = processes.texts()
    return {path for path in paths if any(os.fsencode(path) in text for text in texts)}


def used(root: Root, kind: str, names: List[str]) -> Set[str]:
    """Return which bundles (or environments) of these names somebody needs."""
    place = root.bundle if kind == "bundle" else root.environment
    if kind == "environment" and _is_job_going_on(root):
        return set(names)  # what runs on the machines of a cluster cannot be seen from here
    living = in_processes(place(name) for name in names)
    needed = {name for name in names if place(name) in living}
    return needed | (named_bundles(root) & set(names) if kind == "bundle" else set())


def _is_job_going_on(root: Root) -> bool:
    """True while a run is a job that has not ended, or of which nobody knows."""
    found = (facts for _, facts in newest_runs(root))
    return any(facts["alive"] is not False and (facts["job"] or {}).get("cluster_job") for facts in found)
