"""From a worker of the profile and a commit to the `RunSpec` that the host is given: pure, no I/O but one file."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.errors import ToolMissing, UsageError
from remote.profiles import TRAINER
from remote.worker_resources import on_host
from wire.records import RunSpec

if TYPE_CHECKING:
    from remote.git import Commit
    from remote.profiles import Host, Worker

REQUIREMENTS = "trainer/requirements.txt"
"""The packages of a trainer, below the folder that holds it."""
PYTHON = "{python}"
"""Argument that the supervisor replaces by the python of the run's environment."""


def new_nonce() -> str:
    return secrets.token_hex(8)


def run_id(commit: str, nonce: str, now_s: float) -> str:
    """`<UTC>-<commit7>-<nonce4>`; an ad hoc command has no commit and says so."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_s))
    return f"{stamp}-{commit[:7] or 'nocommit'}-{nonce[:4]}"


def spec_of(
    worker: Worker,
    host: Host,
    commit: Commit,
    *,
    project_id: str,
    cwd: str,
    bundle: str,
    home: str,
    nonce: str,
    by: str,
    now_s: float,
    overrides: Sequence[str] = (),
    parent: str = "",
) -> RunSpec:
    """What the host is asked to run for `worker` on `commit`, checked out at `cwd`."""
    pairs = _newest((*(f"{key}={_scalar(value)}" for key, value in worker.set.items()), *checked(overrides)))
    return RunSpec(
        run=run_id(commit.hash, nonce, now_s),
        project=project_id,
        worker=worker.slug,
        nonce=nonce,
        command=_command(worker, pairs, home),
        cwd=cwd,
        branch=commit.branch,
        commit=commit.hash,
        dirty=commit.dirty,
        subject=commit.subject,
        created_s=now_s,
        by=by,
        config=worker.config,
        overrides=() if worker.command else pairs,
        extractor=_value(pairs, "extractor") or worker.extractor,
        env=_environment(worker, cwd if own_trainer(worker, commit) else bundle),
        environment=environment_of(worker, host, commit),
        bundle=bundle,
        grace_s=worker.grace_s,
        beat_interval_s=worker.beat_interval_s,
        restart_limit=worker.restart_limit,
        parent=parent,
        resources=on_host(worker, host),
        launcher=worker.launcher,
        ranks=worker.ranks,
        setup=worker.setup,
        collect=worker.collect,
    )


def own_trainer(worker: Worker, commit: Commit) -> bool:
    """True if the work runs the trainer of the commit, False for the one of the bundle."""
    return runs_trainer(worker) and worker.trainer != "bundle" and (commit.has_trainer or worker.trainer == "worktree")


def runs_trainer(worker: Worker) -> bool:
    return not worker.command or worker.command[0] == TRAINER


def trainer_words(commit: Commit, worker: Worker) -> str:
    """Which trainer the work runs, where there was a choice; else ''."""
    if not runs_trainer(worker) or not commit.has_trainer:
        return ""
    return "the branch's own trainer" if own_trainer(worker, commit) else "the bundled trainer, not the branch's own"


def checked(overrides: Sequence[str]) -> tuple[str, ...]:
    """Return `key=value` pairs as they are. Raises `UsageError` for anything else."""
    for pair in overrides:
        key, equals, _ = pair.partition("=")
        if not equals or not key.strip() or key.startswith("-"):
            raise UsageError(f"{pair!r} is not KEY=VALUE", hint="for example --set epochs=3")
    return tuple(overrides)


def _newest(pairs: Sequence[str]) -> tuple[str, ...]:
    """Return one pair a key, the last that was given, where the first one stood."""
    return tuple({pair.partition("=")[0].strip(): pair for pair in pairs}.values())


def _value(pairs: Sequence[str], key: str) -> str:
    """Return what a key is set to, '' if it is not."""
    return next((value for name, _, value in (pair.partition("=") for pair in pairs) if name.strip() == key), "")


def requirements() -> list[str]:
    """The pinned packages of the training environment (trainer/requirements.txt). Raises `ToolMissing`."""
    found = find_spec("trainer")
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    for folder in folders:
        path = Path(folder) / "requirements.txt"
        if path.is_file():
            lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
            return [line for line in lines if line]
    raise ToolMissing("trainer/requirements.txt is missing", hint="reinstall trajvid-tui, or set `python:`")


def _command(worker: Worker, pairs: Sequence[str], home: str) -> tuple[str, ...]:
    python = _python(worker, home)
    if worker.command and worker.command[0] == TRAINER:
        return (python, "-m", TRAINER, *worker.command[1:])
    if worker.command:
        return tuple(python if word == PYTHON else word for word in worker.command)
    return (python, "-m", "trainer", "run", "--config", worker.config, *pairs)


def _python(worker: Worker, home: str) -> str:
    """The interpreter of the work: the one that was named, else the one that the supervisor fills in."""
    if not worker.python or worker.environment == "create":
        return PYTHON
    return f"{home}/{worker.python[2:]}" if worker.python.startswith("~/") else worker.python


def _environment(worker: Worker, code: str) -> dict[str, str]:
    """PYTHONPATH leads to our own trainer in the folder `code`; a command of the user's keeps what it says itself.

    `python -m` would look into the current folder first, where the branch may have a `trainer` too: only by our choice.
    """
    env = {str(key): str(value) for key, value in worker.env.items()}
    if runs_trainer(worker):
        env["PYTHONPATH"] = os.pathsep.join(path for path in (code, env.get("PYTHONPATH", "")) if path)
        env["PYTHONSAFEPATH"] = "1"
    return env


def environment_of(worker: Worker, host: Host, commit: Commit) -> dict[str, Any]:
    """What the environment of a worker's commit is made of; {} where it has a Python of its own."""
    return _packages(worker, host, own_trainer(worker, commit))


def _packages(worker: Worker, host: Host, own: bool, source: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`env: create` as the supervisor reads it; {} leaves the command as it is. `own`: the branch's trainer runs.

    The trainer's packages, unless the work is no trainer and names its own: those are read from the worktree.
    """
    if worker.environment != "create":
        return {}
    source = os.environ if source is None else source
    bundled = not own and (runs_trainer(worker) or not worker.requirements)
    files = [REQUIREMENTS] * own + [worker.requirements] * bool(worker.requirements)
    packages = {
        "python": worker.python or host.python,
        "requirements": requirements() if bundled else [],
        "extra_index": source.get("TORCH_INDEX", ""),
    }
    if files:
        packages["files"] = list(dict.fromkeys(files))
    if worker.index:
        packages["index"] = worker.index
    return packages


def _scalar(value: object) -> str:
    """A YAML scalar as the trainer's `key=value` takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
