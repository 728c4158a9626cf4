"""A small project on disk, driven through the console script as a person would, on the embedded host and on sshd."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncssh
import pytest

from remote.onhost.spot import ENDPOINT_VARIABLE
from tests.fixtures.ssh import share_code, sshd_running
from tui.__main__ import main

ROOT = Path(__file__).parents[2]
TINY = {"clips": 48, "epochs": 2, "threads": 1, "batch_size": 8, "shifted_tests": False}


@dataclass
class Desk:
    """One researcher: a home, a git repository with a profile, hosts, and the command line."""

    home: Path
    repo: Path
    far_root: Path
    host: dict[str, Any]
    flags: tuple[str, ...] = ()
    host_pid: int = 0
    """The sshd that serves the host, 0 for the embedded one."""
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def profile(self, workers: dict[str, dict[str, Any]], **more: Any) -> None:
        """Write profiles.yaml; every worker runs on `far` with this test's Python, beating five times a second."""
        data = {
            "project": "desk",
            "base": "HEAD",
            "hosts": {"far": {**self.host, "root": str(self.far_root)}},
            "defaults": {"host": "far", "python": sys.executable, "beat_interval_s": 0.2, "grace_s": 5},
            "workers": workers,
            "sync": {"interval_s": 5},
            **more,
        }
        (self.repo / "profiles.yaml").write_text(json.dumps(data, indent=1))

    @property
    def prefix(self) -> Sequence[str]:
        """What is put before a command of the laptop."""
        return ()

    @property
    def environment(self) -> dict[str, str]:
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "TERM", ENDPOINT_VARIABLE) if key in os.environ}
        return {
            **keep,
            "HOME": str(self.home),
            "TRAJVID_CONFIG_DIR": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            "MPLCONFIGDIR": str(self.home / "mpl"),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `trajvid-tui ARGUMENTS` in a session of its own."""
        process = subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "tui", *self.flags, *arguments],
            cwd=self.repo,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def run(self, *arguments: str, code: int | None = 0, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; `code` is the exit status that is expected (None = any)."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        done = subprocess.CompletedProcess(arguments, process.returncode, out, err)
        assert "Traceback" not in err, err
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{out}\n{err}"
        return done

    def ask(self, *arguments: str, code: int | None = 0, timeout: float = 90) -> Any:
        """Run a verb with --json and return its `data` (or its `error` where it failed)."""
        envelope = json.loads(self.run(*arguments, "--json", code=code, timeout=timeout).stdout)
        return envelope["data"] if envelope["ok"] else envelope["error"]

    def runs(self, worker: str) -> list[Path]:
        """Run directories of a worker on the far side, oldest first."""
        return sorted(path.parent for path in self.far_root.glob(f"runs/*/{worker}/*/spec.json"))

    def home_runs(self, worker: str) -> list[Path]:
        """Run directories of a worker that came home, oldest first."""
        return sorted(path.parent for path in (self.repo / "results" / worker).glob("*/spec.json"))

    def look(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a verb that changes nothing in this process: in one of its own, it would mostly import."""
        out, err = io.StringIO(), io.StringIO()
        with (
            chdir(self.repo),
            patch.dict(os.environ, self.environment, clear=True),
            patch("remote.embedded._shared", None),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            ended = main([*self.flags, *arguments])
        done = subprocess.CompletedProcess(arguments, ended, out.getvalue(), err.getvalue())
        assert "Traceback" not in done.stderr and ended == code, done
        return done

    def state(self, worker: str) -> str:
        """The state that `trajvid-tui status` shows."""
        answer = json.loads(self.look("status", "--json").stdout)
        return str({row["worker"]: row for row in answer["data"]["workers"]}[worker]["state"])

    def over(self, worker: str, timeout: float = 110) -> None:
        """Wait for the record that the newest attempt of a worker has ended, on the far side's disk alone."""

        def is_over() -> bool:
            attempts = sorted((self.runs(worker)[-1] / "attempts").iterdir(), key=lambda path: int(path.name))
            record = attempts[-1] / "exit"  # there from the start: blanks keep its room on the disk until the end
            return record.exists() and bool(record.read_text().strip())

        wait_for(is_over, f"the end of {worker}", timeout)

    def ended(self, worker: str, timeout: float = 110) -> str:
        """Wait for the end of the newest attempt of a worker and return its state."""
        self.over(worker, timeout)
        return self.state(worker)

    def marked(self) -> list[int]:
        """Processes of this desk's runs that are alive now, found by the marker in their environment."""
        found = []
        root = str(self.far_root).encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if b"TRAJVID_NONCE=" in environment and root in environment and state != "Z":
                found.append(int(entry.name))
        return found


def wait_for(condition: Callable[[], Any], what: str, timeout: float = 60) -> Any:
    """Poll until `condition` holds and return its value."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout:.0f} s for {what}")


def git(repo: Path, *arguments: str) -> str:
    """Run git in a repository with a fixed identity."""
    command = ["git", "-C", str(repo), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


long_on_openssh = pytest.mark.parametrize(
    "desk", ["embedded", pytest.param("openssh", marks=[pytest.mark.hosts, pytest.mark.slow])], indirect=True
)
"""For tests that train for half a minute, and those of what the far side does whoever connects: on the embedded host,
in `make test-hosts` on OpenSSH."""


@pytest.fixture(params=["embedded", pytest.param("openssh", marks=pytest.mark.hosts)])
def desk(request: pytest.FixtureRequest, bundles: Path | None) -> Iterator[Desk]:
    """A desk whose host is the embedded one, or a real OpenSSH server on loopback."""
    base = Path(tempfile.mkdtemp(prefix="tv-"))
    home, repo = base / "home", base / "repo"
    home.mkdir()
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    (repo / "README").write_text("an experiment\n")
    (repo / ".gitignore").write_text("results/\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Start")
    if request.param == "embedded":
        host, flags, pid = {"kind": "embedded"}, (), 0
    else:
        host, flags, pid = request.getfixturevalue("sshd_host")
    share_code(base / "far", bundles)
    made = Desk(home=home, repo=repo, far_root=base / "far", host=host, flags=flags, host_pid=pid)
    try:
        yield made
    finally:
        for process in made.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        for pid in made.marked():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def sshd_host(short_tmp: Path, home: Path) -> Iterator[tuple[dict[str, Any], tuple[str, ...], int]]:
    """A real sshd as a profile's host entry, the flag by which its key is accepted, and its pid."""
    with sshd_running(short_tmp / "sshd", home) as server:
        fingerprint = asyncssh.read_public_key(str(server.folder / "host_key.pub")).get_fingerprint()
        host = {name: getattr(server.host, name) for name in ("address", "port", "user", "identity")}
        yield host, ("--accept-host-key", fingerprint), server.process.pid
