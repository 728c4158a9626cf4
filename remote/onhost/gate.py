"""What a person decides about a run that its gate holds: `retire` makes it final, a `release` launches it past it.

A gate is judged once a run. Both hold the worker's lock, so a decision never meets a living attempt, and of two people
who decide at the same time the second is told what the first one did.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Dict

from remote.onhost import parts, request
from remote.onhost.lock import WorkerLock
from remote.onhost.request import Refusal
from wire.gate import RETIRE, is_retired
from wire.records import Action, GateDecision
from wire.run_dir import Root, RunDir, append_line, attempt_id, replace_file
from wire.state import State


def retire(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Make the worker's held run final. Of a retired one it says who did so; anything else is refused."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    worker, by = request.folder_name(asked, "worker"), request.text(asked, "by", "")
    name = parts.current_run(root, project, worker)
    if not name:
        raise _not_held(worker, "it has never run")
    with WorkerLock(root.worker_lock(project, worker)) as lock:
        running = lock.take_or_find(root, project, worker)
        if running is not None:
            raise _not_held(worker, f"{running['attempt']} is running", **running)
        name = parts.current_run(root, project, worker)
        found = parts.facts(root, project, worker, name)
        already = is_retired(parts.decision_in(found))
        if not already:
            _demand_held(worker, found)
            decide(root.run(project, worker, name), RETIRE, by)
            found = parts.facts(root, project, worker, name)
    state, _, reason = parts.verdict(found)
    return {"run": name, "state": state.value, "reason": reason, "already": already}


def may_go_on(root: Root, project: str, worker: str, run: str, released: bool) -> None:
    """Refuse any new attempt of a retired run, a release of what is not held, and a mere resume of what is.

    The caller holds the worker's lock. Raises `Refusal`.
    """
    found = parts.facts(root, project, worker, run)
    state, _, reason = parts.verdict(found)
    if is_retired(parts.decision_in(found)):
        raise Refusal("retired", f"{worker} is final: {reason}", "relaunch it: that is a new run", run=run)
    if released:
        _demand_held(worker, found)
    elif state is State.HELD:
        raise Refusal(
            "held", f"{worker} is {reason}", "release lets it go on all the same, retire gives it up", run=run
        )


def decide(run: RunDir, decision: str, by: str) -> None:
    """Write the decision where the next attempt reads it; a `retire` among the actions too (a release is a launch)."""
    now, attempt = time.time(), attempt_id(os.path.basename(run.path), parts.newest_attempt(run))
    replace_file(run.gate_decision, GateDecision(decision, by, now, attempt).to_line())
    if decision == RETIRE:
        with contextlib.suppress(OSError):
            append_line(run.actions, Action(RETIRE, by, now, "", "retired", attempt).to_line())


def _demand_held(worker: str, found: parts.Parts) -> None:
    state, _, reason = parts.verdict(found)
    if state is not State.HELD:
        told = f"it is {state.value}" + (f" ({reason})" if reason else "")
        raise _not_held(worker, told, run=found["run"])


def _not_held(worker: str, state: str, **data: Any) -> Refusal:
    return Refusal(
        "not_held",
        f"{worker} is not held at a gate: {state}",
        f"`trajvid-tui status {worker}` shows where it stands",
        **data,
    )
