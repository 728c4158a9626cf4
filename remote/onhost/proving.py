"""`prove`: run the trainer's `tdd` or `prove` in a worker's worktree, for somebody who watches it.

    laptop  --(one request line, then an open stdin)-->  prove  --(its own session)-->  prove_work  ==exec==>  trainer

What runs is this bundle's trainer, whatever the branch brings: it judges the branch. The tests run with the worker's
Python, its setup commands and variables, as its work would, but without its secrets. Nothing else may use the worktree
meanwhile: a launch that would change its files is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional

from remote.onhost import parts
from remote.onhost import request as ask
from remote.onhost.environment import Whose, environment_python
from remote.onhost.guarded import run_guarded
from remote.onhost.lock import WorkerLock
from remote.onhost.outcome import Outcome
from remote.onhost.request import Refusal
from remote.onhost.setup import SHELL
from remote.onhost.stream import Stream
from remote.onhost.testing import testing
from remote.onhost.wanted import CannotPrepare, Wanted
from remote.onhost.worktree import stands_at
from wire.codec import SPEC_MAX_BYTES, WireError, decode
from wire.evidence import PHASES
from wire.run_dir import Root

PROVE = "prove"
SAY_EVERY_S = 2.0

RUN = (
    "import sys; sys.version_info < (3, 11) and sys.exit('evidence needs Python 3.11 or newer for the tests, and this "
    "is ' + sys.version.split()[0] + ': name one with `python:`'); bundle = sys.argv.pop(1); "
    "sys.path[:] = [bundle, *filter(None, sys.path)]; sys.argv[0] = 'trainer'; "
    "import runpy; runpy.run_module('trainer', run_name='__main__', alter_sys=True)"
)
"""Runs the trainer of a bundle; what it starts itself, pytest above all, finds the worktree's own modules."""


def prove(_argv: List[str]) -> int:
    """Serve one request; messages are `output` with text, and at the end `end` with the code, or `refused`."""
    os.umask(0o077)
    stream = Stream(1)

    def tell(text: str) -> None:
        stream.send([{"k": "output", "text": text}])

    with contextlib.suppress(BrokenPipeError):  # nobody reads any more
        try:
            code = _proved(decode(first_line(), SPEC_MAX_BYTES), tell)
            if code is not None:
                stream.send([{"k": "end", "code": code}])
        except Refusal as exc:
            stream.send([{**exc.data, "k": "refused", "code": exc.code, "message": exc.message, "hint": exc.hint}])
        except (WireError, OSError) as exc:
            stream.send([{"k": "refused", "code": "system_error", "message": str(exc), "hint": ""}])
    return 0


def first_line() -> bytes:
    """The request; by single reads, as standard input is watched for its end afterwards."""
    data = b""
    while not data.endswith(b"\n") and len(data) <= SPEC_MAX_BYTES:
        piece = os.read(0, SPEC_MAX_BYTES)
        if not piece:
            break
        data += piece
    return data


def _proved(asked: Dict[str, Any], tell: Callable[[str], None]) -> Optional[int]:
    from remote.onhost.__main__ import verb_argv

    root, project, worker = ask.root(asked), ask.folder_name(asked, "project"), ask.folder_name(asked, "worker")
    words = _words(root, project, worker, asked)
    variables = {name: ask.text({name: value}, name) for name, value in _object(asked, "env").items()}
    os.makedirs(root.evidence(project, worker), mode=0o700, exist_ok=True)
    with testing(root, project, worker) as lock:
        path = _demand_worktree(root, project, worker, ask.text(asked, "commit", ""))
        job = {
            "root": root.path, "project": project, "worker": worker, "python": ask.text(asked, "python", ""),
            "environment": _object(asked, "environment"), "setup": _texts(asked, "setup"), "words": words,
        }  # fmt: skip
        argv = verb_argv("prove_work", json.dumps(job))
        return run_guarded(argv, path, {**os.environ, **variables, "PYTHONUNBUFFERED": "1"}, tell, (lock,))


def _words(root: Root, project: str, worker: str, asked: Dict[str, Any]) -> List[str]:
    """The trainer's arguments. The names are checked by the trainer, too; here they may not become options."""
    phase, component, files = ask.text(asked, "phase"), ask.text(asked, "component", ""), _texts(asked, "files")
    if phase not in (*PHASES, PROVE) or component.startswith("-") or any(name.startswith("-") for name in files):
        raise Refusal("bad_request", f"no such phase, component or files: {phase[:40]!r} {component[:80]!r}")
    words = ["--out", root.evidence(project, worker)]
    if phase == PROVE:
        words = [PROVE, *words, *_judged_run(root, project, worker)]
    else:
        bar = [] if asked.get("bar_percent") is None else ["--bar", f"{ask.number(asked, 'bar_percent', 0):g}"]
        words = ["tdd", phase, component, *words, *bar, *(["--files", *files] if files else [])]
    arguments = _texts(asked, "arguments")
    return [*words, *(["--", *arguments] if arguments else [])]


def _judged_run(root: Root, project: str, worker: str) -> List[str]:
    """The newest run, as far as it is one that reports results: the trainer's, or one that wrote some."""
    name = parts.current_run(root, project, worker)
    run = root.run(project, worker, name)
    reports = bool(name) and bool((parts.read_part(run.spec) or {}).get("config") or os.path.exists(run.result))
    return [run.path] if reports else []


def _object(asked: Dict[str, Any], key: str) -> Dict[str, Any]:
    value = asked.get(key) or {}
    if not isinstance(value, dict):
        raise Refusal("bad_request", f"`{key}` must be an object")
    return value


def _texts(asked: Dict[str, Any], key: str) -> List[str]:
    value = asked.get(key) or []
    if not isinstance(value, list):
        raise Refusal("bad_request", f"`{key}` must be a list")
    return [ask.text({key: item}, key) for item in value]


def _demand_worktree(root: Root, project: str, worker: str, commit: str) -> str:
    """The worktree, which stands at `commit` ('' = wherever). Waits for a launch that is under way."""
    path = root.worktree(project, worker)
    os.makedirs(root.worker(project, worker), mode=0o700, exist_ok=True)
    with WorkerLock(root.worker_lock(project, worker)) as lock:
        running = lock.take_or_find(root, project, worker)
        if not os.path.isdir(path):
            raise Refusal("no_worktree", f"{worker} has no worktree here yet", "leave out --as-it-is: that makes it")
        if commit and stands_at(path) != commit:
            why = f"{running['run']} runs in it" if running else "somebody else moved it"
            raise Refusal("other_commit", f"the worktree of {worker} is not at {commit[:12]}: {why}",
                          "wait for the run or stop it; --as-it-is tests what is there")  # fmt: skip
    return path


class Printing:
    """Says how far an environment is, as lines."""

    def __init__(self) -> None:
        self._said, self._said_at = "", -SAY_EVERY_S

    def say(self, message: str, done: int = 0, total: int = 0, left_s: Optional[float] = None) -> None:
        """Print a message that is new in kind at once, another one every few seconds."""
        now = time.monotonic()
        same_kind = message.split()[:2] == self._said.split()[:2]
        if message == self._said or (same_kind and now - self._said_at < SAY_EVERY_S):
            return
        self._said, self._said_at = message, now
        print(message, flush=True)

    def done(self) -> None:
        """What follows speaks for itself."""


def prove_work(argv: List[str]) -> int:
    """Find or make the Python, run the setup commands, become the trainer."""
    from remote.onhost.__main__ import bundle_path

    job = json.loads(argv[0])
    try:
        python = _python(job)
    except (CannotPrepare, OSError) as exc:
        print(f"cannot prepare the environment: {exc}", flush=True)
        return 1
    environment = activated(python, os.environ)
    for command in job["setup"]:
        print(f"+ {command}", flush=True)
        ended = subprocess.run([SHELL, "-c", command], stdin=subprocess.DEVNULL, env=environment, check=False)
        if ended.returncode:
            print(f"setup: `{command}`: {Outcome.of(ended.returncode).reason}", flush=True)
            return 1
    try:
        os.execve(python, [python, "-c", RUN, bundle_path(), *job["words"]], environment)
    except OSError as exc:
        print(f"cannot run {python}: {exc.strerror}; name another with `python:`", flush=True)
        return 1


def _python(job: Dict[str, Any]) -> str:
    if not job["environment"]:
        return chosen_python(job["python"])
    whose = Whose(job["root"], job["project"], job["worker"], alone=bool(job["setup"]))
    return environment_python(whose, Wanted.of(job["environment"]), os.getcwd(), Printing())


def chosen_python(named: str) -> str:
    """The Python that a profile names, or the one that runs us."""
    path = os.path.expanduser(named)
    return (path if os.sep in path else shutil.which(path) or path) if path else sys.executable


def activated(python: str, inherited: Mapping[str, str]) -> Dict[str, str]:
    """The variables with which a Python's own programs are found first."""
    environment = dict(inherited)
    if python != sys.executable and os.path.isabs(python):
        folder = os.path.dirname(python)
        environment["VIRTUAL_ENV"] = os.path.dirname(folder)
        environment["PATH"] = folder + os.pathsep + environment.get("PATH", os.defpath)
    return environment
