"""The supervised command as a child process: its environment, its output, its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Tuple

from remote.onhost import processes
from remote.onhost.outcome import Outcome
from remote.onhost.spawn import Claim, encode_claim
from wire.records import RunSpec

PYTHON_PLACE = "{python}"
"""An argument that is exactly this becomes the Python of the run's environment."""


class Work:
    """Starts the preparation and the work of one attempt, and knows the child that runs now."""

    def __init__(self, claim: Claim, spec: RunSpec, secrets: Dict[str, str], lock: int) -> None:
        self._claim, self._spec, self._secrets, self._lock = claim, spec, secrets, lock
        self._child: Optional["subprocess.Popen[bytes]"] = None
        self._answer: Optional[BinaryIO] = None
        self._python = sys.executable
        self._cwd = spec.cwd or claim.run_dir.path
        self.more_env: Dict[str, str] = {}
        self.more_fds: Tuple[int, ...] = ()
        """What the work gets of the host: variables (the run's own prevail), and locks for as long as it lives."""
        self.wrap: Callable[[List[str]], List[str]] = list
        """Puts the work's command behind another one that limits it."""

    @property
    def pid(self) -> int:
        """The running child, 0 if there is none."""
        return self._child.pid if self._child is not None and self._child.returncode is None else 0

    def start_preparation(self) -> "subprocess.Popen[bytes]":
        """Start the child that makes the environment; it answers with one JSON line on a pipe."""
        from remote.onhost.__main__ import verb_argv

        read, write = os.pipe()
        argv = verb_argv("prepare", encode_claim(self._claim, answer=write))
        try:
            child = self._start(argv, self._claim.run_dir.path, self._environment(secret=False), (write,))
        finally:
            os.close(write)
        self._answer = os.fdopen(read, "rb")
        return child

    def use_environment(self) -> None:
        """Take over the environment that the preparation has made."""
        self._python = str(self._prepared().get("python") or sys.executable)

    def start(self, restarts: int) -> "subprocess.Popen[bytes]":
        """Start the work. Raises OSError if the command cannot be run."""
        argv = [self._python if word == PYTHON_PLACE else word for word in self._spec.command]
        environment = self._environment(secret=True)
        environment["TRAJVID_RESTARTS"] = str(restarts)
        return self._start(self.wrap(argv), self._cwd, environment, self.more_fds)

    def signal(self, number: int) -> None:
        """Pass a signal on to the running child."""
        if self.pid and self._child is not None:
            self._child.send_signal(number)

    def outcome(self, child: "subprocess.Popen[bytes]") -> Outcome:
        """Return how a child ended; a failed preparation gives its own reason."""
        outcome = Outcome.of(child.returncode)
        if self._answer is None or outcome.code == 0:
            return outcome
        reason = self._prepared().get("reason") or outcome.reason
        return Outcome(outcome.state, outcome.code, f"preparing the environment: {reason}")

    def why_not_started(self, exc: OSError) -> str:
        """Say why the command could not be run."""
        if not os.path.isdir(self._cwd):
            return f"no such folder: {self._cwd}"
        name = self._spec.command[0]
        if isinstance(exc, FileNotFoundError):
            return f"no such file: {name}"
        if isinstance(exc, PermissionError):
            return f"not executable: {name}"
        return f"cannot run {name}: {exc.strerror}"

    def _prepared(self) -> Dict[str, Any]:
        if self._answer is None:
            return {}
        with self._answer as pipe:
            data = pipe.read()
        self._answer = None
        try:
            answer = json.loads(data)
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def _start(
        self, argv: List[str], cwd: str, environment: Dict[str, str], descriptors: Tuple[int, ...]
    ) -> "subprocess.Popen[bytes]":
        with _log(self._claim.run_dir.log) as log:
            self._child = subprocess.Popen(
                argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(self._lock, *descriptors), start_new_session=True,
            )  # fmt: skip
        return self._child

    def _environment(self, secret: bool) -> Dict[str, str]:
        environment = {**os.environ, **self.more_env, **self._spec.env, **(self._secrets if secret else {})}
        if self._python != sys.executable:
            folder = os.path.dirname(self._python)
            environment["VIRTUAL_ENV"] = os.path.dirname(folder)
            environment["PATH"] = folder + os.pathsep + environment.get("PATH", os.defpath)
        environment.update(
            {
                "PYTHONUNBUFFERED": "1",
                "TRAJVID_RUN_DIR": self._claim.run_dir.path,
                "TRAJVID_ATTEMPT": self._claim.attempt,
                "TRAJVID_BUNDLE": self._spec.bundle,
                processes.MARKER: self._claim.nonce,
            }
        )
        return environment


def _log(path: str) -> BinaryIO:
    """Open the log for appending; without one the work still runs, and says nothing."""
    try:
        return open(path, "ab")
    except OSError:
        return open(os.devnull, "ab")
