"""The supervised command as a child process: its environment, its output, its end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Set, Tuple, Union

from remote.onhost import nodes, processes
from remote.onhost.log_filter import LogFilter
from remote.onhost.outcome import Outcome
from remote.onhost.ranks import Ranks, Roll, Tiding, ranks_environment, started
from remote.onhost.spawn import Claim, encode_claim
from wire.hiding import needed
from wire.records import RunSpec

PYTHON_PLACE = "{python}"
"""An argument that is exactly this becomes the Python of the run's environment."""

DRAIN_S = 10.0
"""How long the log may take to be written when everybody who writes to it has ended."""


class Work:
    """Starts the preparation and the work of one attempt, and knows the child that runs now."""

    def __init__(self, claim: Claim, spec: RunSpec, secrets: Dict[str, str], lock: int) -> None:
        self._claim, self._spec, self._secrets, self._lock = claim, spec, secrets, lock
        self._child: Optional["subprocess.Popen[bytes]"] = None
        self._answer: Optional[BinaryIO] = None
        self._preparing = ""
        self._filter: Optional[LogFilter] = None
        self._ranks = Ranks.of(spec)
        self._roll: Optional[Roll] = None
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
        self._preparing = "preparing the environment: "
        return self._start_verb("prepare", self._claim.run_dir.path, self._environment(secret=False))

    def start_setup(self) -> "subprocess.Popen[bytes]":
        """Start the child that runs the profile's own commands, where and as the work will run."""
        self._preparing = ""
        environment = self._environment(secret=True)
        environment.pop("PYTHONSAFEPATH", None)  # is for the trainer; scripts of the branch import their neighbours
        return self._start_verb("setup", self._cwd, environment, secret=True)

    def _start_verb(
        self, verb: str, cwd: str, environment: Dict[str, str], secret: bool = False
    ) -> "subprocess.Popen[bytes]":
        from remote.onhost.__main__ import verb_argv

        read, write = os.pipe()
        argv = verb_argv(verb, encode_claim(self._claim, answer=write))
        try:
            child = self._start(argv, cwd, environment, (write,), secret)
        except OSError:
            os.close(read)
            raise
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
        if self._ranks is not None:
            ranks_folder = self._claim.run_dir.attempt(self._claim.number).ranks
            os.makedirs(ranks_folder, mode=0o700, exist_ok=True)
            self._roll = Roll(ranks_folder, restarts, self._ranks.nodes)
            argv = started(argv, self._ranks, self._python, self._claim)
            environment = {**environment, **ranks_environment(self._spec, environment)}
        self._prepared()  # a setup that went well has nothing to say about how the work ends
        spread = self._ranks is not None and self._ranks.nodes > 1
        return self._start(self.wrap(argv), self._cwd, environment, self.more_fds, secret=True, told=spread)

    def signal(self, number: int) -> None:
        """Pass a signal on to the running child, or by way of it to other machines."""
        if not self.pid or self._child is None:
            return
        if self._child.stdin is not None:  # to signal srun itself would do harm
            nodes.tell(self._child.stdin, number)
        else:
            self._child.send_signal(number)

    def kill_elsewhere(self) -> None:
        """Kill what runs on other machines: what signals to srun do is right now."""
        if self.is_spread and self._child is not None:
            self._child.terminate()

    def outcome(self, child: "subprocess.Popen[bytes]") -> Outcome:
        """Return how a child ended; a failed preparation gives its own reason."""
        outcome = Outcome.of(child.returncode)
        if self._roll is not None:
            return self._roll.outcome(outcome)
        if self._answer is None or outcome.code == 0:
            return outcome
        reason = self._prepared().get("reason") or outcome.reason
        return Outcome(outcome.state, outcome.code, f"{self._preparing}{reason}")

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

    @property
    def helpers(self) -> Set[int]:
        """Processes that end by themselves, after everybody who writes to the log."""
        own = self._filter.pids if self._filter is not None else set()
        return own | (nodes.srun_pids(self.pid, self._claim.nonce) if self.is_spread else set())

    @property
    def is_spread(self) -> bool:
        """True if what runs now is on several machines: it hears signals by way of its input alone."""
        return bool(self.pid and self._child is not None and self._child.stdin is not None)

    @property
    def look_s(self) -> float:
        """How long `attend` and `news` may be put off."""
        return 60.0 if self._roll is None else 2.0

    def news(self) -> List[Tiding]:
        """Return what there is to tell of the ranks since the last call, as events."""
        return [] if self._roll is None else self._roll.news()

    def attend(self) -> None:
        """See to it that the log is written, whatever somebody has killed. What fails is tried again the next time."""
        if self._filter is not None:
            with contextlib.suppress(OSError):
                self._filter.revive()

    def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Wait until the log holds all that the last child has written."""
        if self._filter is not None:
            self._filter.drain(timeout_s)
            self._filter = None

    def _start(
        self,
        argv: List[str],
        cwd: str,
        environment: Dict[str, str],
        descriptors: Tuple[int, ...],
        secret: bool,
        told: bool = False,
    ) -> "subprocess.Popen[bytes]":
        """Start a child of ours; one that is `told` signals has a pipe for them."""
        self.drain()
        with contextlib.ExitStack() as stack:
            output: Union[BinaryIO, int] = stack.enter_context(self._log())
            if secret and needed(self._secrets):
                self._filter = LogFilter(self._secrets, self._log)
                stack.callback(self._filter.close_write)
                output = self._filter.write
            self._child = subprocess.Popen(
                argv, cwd=cwd, env=environment, stdin=subprocess.PIPE if told else subprocess.DEVNULL,
                stdout=output, stderr=output, pass_fds=(self._lock, *descriptors), start_new_session=True,
            )  # fmt: skip
        return self._child

    def _log(self) -> BinaryIO:
        """Open the log for appending; without one the work still runs, and says nothing."""
        try:
            return open(self._claim.run_dir.log, "ab")
        except OSError:
            return open(os.devnull, "ab")

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
