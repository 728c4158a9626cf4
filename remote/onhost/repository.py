"""The project's bare repository on this host: made on first use, receives pushes, changed by one verb at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from remote.onhost import request as ask
from remote.onhost.git import commit_ref, git_argv, git_environment, is_hash
from remote.onhost.request import Refusal

LOCK_WAIT_S = 120.0
_NOT_SUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
_SETTINGS = ("receive.shallowUpdate=true", "receive.autogc=false", "gc.auto=0", "core.logAllRefUpdates=true")
DISK_FULL = ("No space left on device", "Disk quota exceeded", "Out of diskspace")
"""How git says that a disk is full; the last where a write came out short."""
BYPRODUCTS = ("__pycache__/", "*.py[cod]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".ipynb_checkpoints/")
"""What runs leave behind: never taken for somebody's work."""


@dataclass(frozen=True)
class Git:
    """Runs git in one repository or worktree, by its own folder, never in one around it.

    The locks' descriptors are inherited, so they are held as long as git lives.
    """

    folder: str
    locks: Tuple[int, ...] = ()

    def run(self, command: Sequence[str], operands: Sequence[str] = (), paths: Sequence[str] = (), **env: str) -> bytes:
        """Return git's output. Raises `Refusal`: `git_missing`, `no_space` or `git_failed`."""
        done = self._start(git_argv(self.folder, command, operands, paths), env)
        if done.returncode:
            raise failure(command, done.stderr)
        return done.stdout

    def ask(self, command: Sequence[str], operands: Sequence[str] = (), **env: str) -> Optional[str]:
        """Return git's output as text without the last line end, None if git says no."""
        done = self._start(git_argv(self.folder, command, operands), env)
        return (
            None if done.returncode else os.fsdecode(done.stdout[:-1] if done.stdout.endswith(b"\n") else done.stdout)
        )

    def _start(self, argv: List[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[bytes]":
        # A root may lie in somebody's repository, and a worktree may have lost its `.git`.
        env = {"GIT_CEILING_DIRECTORIES": os.path.dirname(os.path.abspath(self.folder)), **env}
        try:
            return subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=git_environment(os.environ, env),
                pass_fds=self.locks,
                check=False,
            )
        except FileNotFoundError:
            raise Refusal(
                "git_missing", "git is not installed on the host", "install git there, then try again"
            ) from None


def failure(command: Sequence[str], stderr: bytes) -> Refusal:
    """What git's last words mean: `no_space` or `git_failed`."""
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    text = (telling or lines or ["no message"])[0][:500]
    if any(words in line for line in lines for words in DISK_FULL):
        return Refusal(
            "no_space", f"no space left on the host: {text}", "free some space there, or choose another `root:`"
        )
    return Refusal("git_failed", f"git {command[0]} failed on the host: {text}")


def repository(request: Dict[str, Any]) -> Dict[str, Any]:
    """Verb: make the bare repository if it is missing, and say whether it already has `commit`."""
    root, project = ask.root(request), ask.folder_name(request, "project")
    commit = ask.text(request, "commit", "")
    path = root.repository(project)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with locked(root.repository_lock(project)) as lock:
        if not os.path.exists(os.path.join(path, "info", "exclude-written")):
            _make(path, "sha256" if len(commit) == 64 else "sha1", lock)
        return {"path": path, "has_commit": is_hash(commit) and has_pushed(Git(path, (lock,)), commit)}


def _make(path: str, object_format: str, lock: int) -> None:
    """Initialise (again, if the last time was interrupted): every step may be repeated."""
    form = [] if object_format == "sha1" else ["--object-format=" + object_format]
    Git(os.path.dirname(path), (lock,)).run(["init", "--quiet", "--bare", "--template=", *form], paths=[path])
    git = Git(path, (lock,))
    for setting in _SETTINGS:
        key, _, value = setting.partition("=")
        git.run(["config", key, value])
    info = os.path.join(path, "info")
    os.makedirs(info, exist_ok=True)
    with open(os.path.join(info, "exclude"), "w", encoding="utf-8") as file:
        file.write("\n".join(BYPRODUCTS) + "\n")
    with open(os.path.join(info, "exclude-written"), "w", encoding="utf-8"):
        pass


def has_pushed(git: Git, commit: str) -> bool:
    """True if the whole commit is here: its ref exists only after a push that was checked for connectivity."""
    return git.ask(["rev-parse", "--verify", "--quiet"], [commit_ref(commit) + "^{commit}"]) == commit


@contextlib.contextmanager
def locked(path: str, wait_s: float = LOCK_WAIT_S) -> Iterator[int]:
    """Hold the lock file at `path` and yield its descriptor. Raises `Refusal("busy")` after `wait_s`.

    Where the file system has no locks, git's own lock files are all there is.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise Refusal("busy", "another launch has been using the repository for two minutes", "try again")
            time.sleep(0.02)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        if exc.errno not in _NOT_SUPPORTED:
            raise
    return True
