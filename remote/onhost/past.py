"""`past`: what ran of a project in the last so many seconds, how each run ended, and how long it had the machine."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Optional, Set

from remote.onhost import parts, request
from remote.onhost.kept import RUNS_MAX, WORKERS_MAX
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources
from remote.onhost.tail import EVENTS_BYTES, tail_of
from wire.codec import WireError, decode
from wire.records import Event
from wire.run_dir import RunDir, attempt_number

LIMIT = 2000
ATTEMPTS_MAX = 200


def past(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"runs": [...], "left_out": count, "clock_s"}` of what was active in the last `within_s` seconds."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    now_s = time.time()
    since_s = now_s - request.number(asked, "within_s", 1e8)
    found: List[Dict[str, Any]] = []
    left_out = 0
    for worker in parts.names_in(os.path.join(root.runs, project))[:WORKERS_MAX]:
        for name in parts.run_names(root, project, worker)[-RUNS_MAX:]:
            told = run_past(root.run(project, worker, name), now_s, since_s)
            if told is not None and len(found) < LIMIT:
                found.append({**told, "worker": worker})
            elif told is not None:
                left_out += 1
    return {"runs": found, "left_out": left_out, "clock_s": now_s}


def run_past(run: RunDir, now_s: float, since_s: float, here: bool = False) -> Optional[Dict[str, Any]]:
    """Return what is to be told of one run, None if nothing of it is so young.

    Times are by the host's clock; `gpus` of an attempt is None where nobody knows. `here` says that it is a copy of a
    run elsewhere, so that no process can be asked for.
    """
    facts = parts.read_run(run)
    spec = facts["spec"] or {}
    if here:
        facts.update({"alive": facts["exit"] is None, "why": "", "orphans": 0})
    else:
        parts.prove_life([(run, facts)])
    attempts = _attempts(run, facts, now_s, here)
    if not attempts or attempts[-1]["ended_s"] < since_s:
        return None
    state, _, reason = parts.verdict(facts)
    return {
        "run": os.path.basename(run.path),
        "state": state.value,
        "reason": reason,
        "last_line": str((facts["exit"] or {}).get("last_line") or ""),
        "spec": {key: spec.get(key) for key in ("branch", "commit", "subject", "by", "parent")},
        "result": facts["result"],
        "decision": facts["decision"],
        "attempts": attempts,
        "going_on": bool(facts["alive"]),
    }


def _attempts(run: RunDir, facts: Dict[str, Any], now_s: float, here: bool) -> List[Dict[str, Any]]:
    granted = _granted(run)
    resources = (facts["spec"] or {}).get("resources")
    found = []
    for number in range(max(1, facts["attempt"] - ATTEMPTS_MAX + 1), facts["attempt"] + 1):
        job = parts.job_of(run, number)
        if job is None:
            continue
        ended_s = max(job.at_s, _ended_s(run, number, facts, now_s, here))
        gpus = len(granted[number]) if number in granted else _asked_gpus(resources)
        found.append({"began_s": job.at_s, "ended_s": ended_s, "gpus": gpus})
    return found


def _ended_s(run: RunDir, number: int, facts: Dict[str, Any], now_s: float, here: bool) -> float:
    """When an attempt ended: as recorded, else now while it lives, else as it was last heard of."""
    ended = parts.read_part(run.attempt(number).exit) or {}
    if _is_time(ended.get("at_s")):
        return float(ended["at_s"])
    if number == facts["attempt"] and facts["alive"] and not here:
        return now_s
    beat = facts["beat"] or {}
    if attempt_number(str(beat.get("attempt"))) == number and _is_time(beat.get("at_s")):
        return float(beat["at_s"])
    return 0.0


def _asked_gpus(resources: Any) -> Optional[int]:
    """How many GPUs a run asked for, None if it said nothing: then it may have used any."""
    try:
        wish = Resources.from_dict(resources if isinstance(resources, dict) else {})
    except Refusal:
        return None
    if wish.no_gpu:
        return 0
    return len(wish.gpu) or wish.gpus or None


def _granted(run: RunDir) -> Dict[int, Set[int]]:
    """Attempt -> the GPUs that it got, as its supervisor noted them."""
    found: Dict[int, Set[int]] = {}
    try:
        lines = tail_of(run.events, 10_000, EVENTS_BYTES)["lines"]
    except Refusal:
        return found
    for line in lines:
        try:
            event = Event.from_dict(decode(line.encode("utf-8", "replace")))
        except WireError:
            continue
        number, gpus = attempt_number(event.attempt), event.data.get("gpus")
        if event.kind == "granted" and number is not None and isinstance(gpus, list):
            found[number] = {gpu for gpu in gpus if isinstance(gpu, int)}
    return found


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e12
