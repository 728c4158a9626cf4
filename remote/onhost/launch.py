"""`launch`: start an attempt exactly once, whatever happens to the connection meanwhile.

The worker's lock is taken here and inherited by supervisor and work, so it is held exactly as long as they live (a job
of a cluster takes it anew where it starts). Nothing that counts exists until the job record is written, by the
supervisor as its first act or, for a job, here: killed before that, a launch leaves no run; killed after it, one run
that goes on. The answer follows the record, never precedes it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from typing import Any, Dict

from remote.onhost import gate, last_use, launchers, parts, processes, request, worktree
from remote.onhost.attempt import prepared
from remote.onhost.lock import WorkerLock
from remote.onhost.ranks import Ranks
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources
from remote.onhost.spawn import Claim
from wire.codec import WireError, encode
from wire.records import Action, RunSpec
from wire.run_dir import Root, RunDir, append_line, attempt_id

SECRETS_MAX_BYTES = 32 * 1024


def launch(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Start the run of `asked["spec"]`, or say which one already runs.

    With `resume` it is a new attempt of that run; with `release` too, one that goes on past the gate that holds it.
    """
    root = request.root(asked)
    spec, folder = _spec(asked)
    resume = asked.get("resume") is True
    verb = _verb(asked, spec)
    by = request.text(asked, "by", spec.by)
    nonce = request.nonce(request.text(asked, "nonce", "") or spec.nonce)
    secrets = _secrets(asked)
    last_use.used(root)
    os.makedirs(root.worker(spec.project, folder), mode=0o700, exist_ok=True)
    run = root.run(spec.project, folder, spec.run)
    with WorkerLock(root.worker_lock(spec.project, folder)) as lock:
        running = lock.take_or_find(root, spec.project, folder)
        if running is not None and resume and running["nonce"] != nonce:
            raise _running(verb, running)
        if running is not None:
            return {**running, "already": True, "running_run": running["run"], "same_nonce": running["nonce"] == nonce}
        known = _known(run, nonce)
        if known is not None:
            return {**known, "already": True, "running_run": "", "same_nonce": True}
        if resume:
            gate.may_go_on(root, spec.project, folder, spec.run, verb == "release")
        _refuse_orphans(root, spec.project, folder)
        last_use.refuse_if_going(root)
        launcher = launchers.of_spec(spec)
        launcher.probe(root, spec, secrets)
        _stand(root, spec, lock.descriptor)
        number = _next_number(run, resume)
        with prepared(run, number, spec, resume):
            if verb == "release":
                gate.decide(run, verb, by)
            claim = Claim(root.path, spec.project, folder, spec.run, number, nonce)
            pid = launcher.submit(claim, spec, lock.descriptor, secrets)
    _record(run, claim, spec, verb, by)
    return {
        "run": spec.run, "attempt": claim.attempt, "pid": pid, "nonce": nonce,
        "already": False, "running_run": spec.run, "same_nonce": True,
    }  # fmt: skip


def _spec(asked: Dict[str, Any]) -> "tuple[RunSpec, str]":
    data = asked.get("spec")
    if not isinstance(data, dict):
        raise Refusal("bad_request", "`spec` must be an object")
    if asked.get("resume") is True:
        # A resume needs the run's name only: the host's own spec.json says the rest.
        folder = request.folder_name(data, "worker")
        where = request.root(asked).run(request.folder_name(data, "project"), folder, request.folder_name(data, "run"))
        stored = parts.read_part(where.spec)
        if stored is None or not parts.newest_attempt(where):
            raise Refusal("not_found", f"there is no run {data['run']} of {folder} on this host")
        data = stored
    try:
        spec = RunSpec.from_dict(data)
    except WireError as exc:
        raise Refusal("bad_request", str(exc)) from exc
    for key in ("run", "project", "worker"):
        request.folder_name(data, key)
    if not spec.command or any("\0" in word for word in spec.command):
        raise Refusal("bad_request", "`spec.command` must be a list of words")
    if spec.cwd and not os.path.isabs(spec.cwd):
        raise Refusal("bad_request", f"`spec.cwd` must be absolute: {spec.cwd[:200]!r}")
    Resources.from_dict(spec.resources)
    Ranks.of(spec)
    return spec, spec.worker


def _verb(asked: Dict[str, Any], spec: RunSpec) -> str:
    """What people call this launch."""
    if asked.get("resume") is True:
        return "release" if asked.get("release") is True else "resume"
    return "relaunch" if spec.parent else "launch"


def _running(verb: str, running: Dict[str, Any]) -> Refusal:
    """A new attempt of what runs: what is released has gone on already, maybe by somebody else's release."""
    told = f"{running['attempt']} is running already"
    if verb == "release":
        return Refusal("not_held", told, "status shows where it is", **running)
    return Refusal("running", told, "stop it first", **running)


def _secrets(asked: Dict[str, Any]) -> Dict[str, str]:
    secrets = asked.get("secrets") or {}
    if not isinstance(secrets, dict) or not all(isinstance(value, str) for value in secrets.values()):
        raise Refusal("bad_request", "`secrets` must be an object of texts")
    if any("=" in name or "\0" in name + value or not name for name, value in secrets.items()):
        raise Refusal("bad_request", "a secret's name holds no '=', and neither part a NUL")
    if len(encode(secrets)) > SECRETS_MAX_BYTES:
        raise Refusal("bad_request", f"more than {SECRETS_MAX_BYTES} bytes of secrets")
    return secrets


def _known(run: RunDir, nonce: str) -> "Dict[str, Any] | None":
    """Return the attempt that this nonce already started, though it has ended since."""
    for name in parts.names_in(run.attempts):
        job = parts.job_of(run, int(name)) if name.isdigit() else None
        if job is not None and job.nonce == nonce:
            return {"run": os.path.basename(run.path), "attempt": job.attempt, "pid": job.pid, "nonce": nonce}
    return None


def _refuse_orphans(root: Root, project: str, worker: str) -> None:
    current = parts.current_run(root, project, worker)
    where = root.run(project, worker, current)
    job = parts.job_of(where, parts.newest_attempt(where)) if current else None
    # A job's are on machines of the cluster: its own supervisor is fenced there.
    left = sorted(processes.family(job.nonce)) if job and not job.cluster_job else []
    if left:
        raise Refusal(
            "orphans",
            f"processes of {current} are still there although its supervisor is gone: {left}",
            "stop the worker first, that ends them",
            pids=left,
            run=current,
        )


def _stand(root: Root, spec: RunSpec, descriptor: int) -> None:
    """A run is a commit: another laptop may have moved the worktree since it was prepared, or before a resume."""
    ours = root.worktree(spec.project, spec.worker)
    if spec.commit and spec.cwd == ours and worktree.stands_at(ours) != spec.commit:
        wish = worktree.Wish(spec.project, spec.worker, spec.commit, spec.branch, spec.dirty)
        worktree.put(root, wish, descriptor)


def _next_number(run: RunDir, resume: bool) -> int:
    number = parts.newest_attempt(run)
    if number and not resume:
        raise Refusal("exists", f"run {os.path.basename(run.path)} exists already, started by another launch")
    return number + 1


def _record(run: RunDir, claim: Claim, spec: RunSpec, verb: str, by: str) -> None:
    command = shlex.join(spec.command)[:4096]
    action = Action(verb, by, time.time(), command, "started", attempt_id(claim.run, claim.number))
    with contextlib.suppress(OSError):
        append_line(run.actions, action.to_line())
