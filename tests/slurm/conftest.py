"""One cluster for the tests of a file, and a desk whose host is its login node."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import processes
from tests.end_to_end.conftest import Desk, git, wait_for
from tests.fixtures.ssh import share_code
from tests.onhost.far import lines, record
from tests.slurm.cluster import Cluster, install

WORK = '''\
"""Counts up until the file `go` is there; a checkpoint says how far it is, and who wrote it."""
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ["TRAJVID_RUN_DIR"])
checkpoint, go = folder / "checkpoints" / "last.json", pathlib.Path(sys.argv[1])
checkpoint.parent.mkdir(exist_ok=True)
step = json.loads(checkpoint.read_text())["step"] if checkpoint.exists() else 0
print("attempt", os.environ["TRAJVID_ATTEMPT"], "begins at", step, flush=True)

def save(why):
    text = json.dumps({"step": step, "why": why, "attempt": os.environ["TRAJVID_ATTEMPT"]})
    (folder / "checkpoints" / ".tmp-last").write_text(text)
    os.replace(folder / "checkpoints" / ".tmp-last", checkpoint)

def end(*_):
    save("TERM")
    sys.exit(143)

signal.signal(signal.SIGUSR1, lambda *_: save("USR1"))
signal.signal(signal.SIGTERM, end)
while not go.exists():
    step += 1
    save("step")
    time.sleep(0.1)
print("done at", step, flush=True)
'''


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if why := install():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="tvs-"))
    with Cluster(folder) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class LoginNode(Desk):
    """A desk whose host submits to a cluster."""

    cluster: Cluster | None = None

    @property
    def environment(self) -> dict[str, str]:
        assert self.cluster is not None
        return {**super().environment, **self.cluster.environment}

    @property
    def go(self) -> Path:
        """The work ends when this file is there."""
        return self.home / "go"

    def worker(self, **more: Any) -> None:
        """Write a profile whose worker `w` counts."""
        command = ["{python}", "work.py", str(self.go)]
        self.profile({"w": {"branch": "exp/w", "command": command, **more}})

    def row(self, worker: str = "w") -> dict[str, Any]:
        """What `trajvid-tui status` says of a worker."""
        answer = self.ask("status")
        return {row["worker"]: row for row in answer["workers"]}[worker]

    def becomes(self, state: str, worker: str = "w", timeout: float = 90) -> dict[str, Any]:
        """Wait until `trajvid-tui status` shows the state, and return that row."""
        rows: list[dict[str, Any]] = []

        def is_there() -> bool:
            rows.append(self.row(worker))
            return bool(rows[-1]["state"] == state)

        try:
            wait_for(is_there, f"{worker} to be {state}", timeout)
        except AssertionError as exc:
            raise AssertionError(f"{exc}; it is {rows[-1]}") from None
        return rows[-1]

    @property
    def run_folder(self) -> Path:
        """The newest run of `w`."""
        return self.runs("w")[-1]

    def attempt(self, number: int, name: str) -> dict[str, Any] | None:
        """A record of an attempt of the newest run: `job` or `exit`."""
        return record(str(self.run_folder / "attempts" / str(number) / name))

    def kill_supervisor(self, worker: str = "w") -> None:
        """SIGKILL the supervisor of a worker's newest run, and then all that is left of it."""
        job = record(str(self.runs(worker)[-1] / "attempts" / "1" / "job"))
        assert job is not None
        for pid in [job["pid"], *processes.family(job["nonce"])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def checkpoint(self) -> dict[str, Any]:
        found = record(str(self.run_folder / "checkpoints" / "last.json"))
        assert found is not None
        return found

    def events(self) -> list[str]:
        return [event["text"] for event in lines(str(self.run_folder / "events.jsonl"))]


@pytest.fixture
def desk(cluster: Cluster, short_tmp: Path, bundles: Path | None) -> Iterator[LoginNode]:
    """A home, a project with the counting work, and the cluster as its host; nothing of it is left at the end."""
    home, repo = short_tmp / "home", short_tmp / "repo"
    for folder in (home, repo):
        folder.mkdir()
    git(repo, "init", "-q", "-b", "main")
    (repo / "work.py").write_text(WORK)
    (repo / ".gitignore").write_text("results/\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Start")
    share_code(short_tmp / "far", bundles)
    host = {"kind": "embedded", "launcher": "slurm", "slurm": {"partition": "main"}}
    made = LoginNode(home=home, repo=repo, far_root=short_tmp / "far", host=host, cluster=cluster)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
            process.communicate()
    cluster.clear(made.marked)


@pytest.fixture
def blocked(cluster: Cluster, short_tmp: Path) -> Iterator[Callable[[], None]]:
    """Nothing else can start until what this returns is called."""
    script = short_tmp / "blocker"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    words = ("sbatch", "--parsable", "--nodes=2", "--exclusive", f"--output={short_tmp}/blocker-log", "--chdir=/")
    job = cluster.tool(*words, str(script)).stdout.strip()
    wait_for(lambda: cluster.jobs().get(job) == "RUNNING", "the blocker")

    def unblock() -> None:
        cluster.tool("scancel", job)

    yield unblock
    unblock()
