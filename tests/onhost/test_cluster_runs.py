"""Runs as jobs, with the verbs and the supervisor as they are and a stand-in for Slurm's tools."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import processes
from tests.fixtures import stand_in_slurm
from tests.onhost.far import PROJECT, Far, record, wait_for
from wire.run_dir import RunDir

SLURM: dict[str, Any] = {"launcher": {"kind": "slurm"}}
SAVES = "trap 'echo asked' USR1; trap 'echo ends; exit 143' TERM; echo begins; while :; do sleep 0.1; done"


@pytest.fixture
def slurm(far: Far, tmp_path: Path) -> Iterator[Path]:
    """The folder of a stand-in cluster, whose tools the far side finds."""
    folder = tmp_path / "slurm"
    (folder / "jobs").mkdir(parents=True)
    source = Path(stand_in_slurm.__file__).read_text()
    for tool in stand_in_slurm.TOOLS:
        (folder / tool).write_text(f"#!{sys.executable} -SE\n{source}")
        (folder / tool).chmod(0o755)
    far.env.update(STAND_IN_SLURM=str(folder), PATH=f"{folder}:{os.environ['PATH']}")
    yield folder
    for job in (folder / "jobs").iterdir():
        (job / "over").touch()
    (folder / "full").unlink(missing_ok=True)


def beats(run: RunDir, attempt: int, state: str = "running") -> dict[str, Any]:
    """Wait for this state of an attempt, and return its job record."""
    wanted = f"{os.path.basename(run.path)}.{attempt}"

    def is_so() -> bool:
        beat = record(run.heartbeat) or {}
        return (beat.get("attempt"), beat.get("state")) == (wanted, state)

    wait_for(is_so, f"{wanted} to be {state}")
    return record(run.attempt(attempt).job) or {}


def test_a_run_waits_and_works_and_ends(far: Far, slurm: Path) -> None:
    (slurm / "full").touch()
    run = far.launch("sh", "-c", "echo hello from $SLURMD_NODENAME", **SLURM)
    facts = far.facts()
    assert (facts["alive"], facts["queue"]["state"], facts["queue"]["reason"]) == (True, "PENDING", "Resources")
    assert facts["job"]["pid"] == 0 and facts["beat"] is None
    second = far.ask("launch", spec=far.spec("true", nonce="nonce-2", **SLURM), by="x")
    assert (second["already"], second["run"], second["same_nonce"]) == (True, facts["run"], False)
    (slurm / "full").unlink()
    assert far.end(run)["state"] == "completed"
    assert "hello from n1" in Path(run.log).read_text()
    job = record(run.attempt(1).job) or {}
    assert (job["cluster_job"], job["node"]) == ("1", "n1") and job["pid"] > 0
    assert len(list((slurm / "jobs").iterdir())) == 1


def test_one_that_waits_is_cancelled_and_never_begins(far: Far, slurm: Path) -> None:
    (slurm / "full").touch()
    run = far.launch("echo", "begins", **SLURM)
    answer = far.stop()
    assert (answer["state"], answer["stopped"]) == ("stopped", True)
    assert answer["reason"] == "by ada@laptop (before it started)"
    (slurm / "full").unlink()
    assert far.stop()["was_running"] is False and not Path(run.log).read_text()


def test_a_silent_controller_hinders_a_launch_and_no_stop(far: Far, slurm: Path) -> None:
    run = far.launch("sh", "-c", SAVES, **SLURM)
    beats(run, 1)
    (slurm / "down").touch()
    facts = far.facts()
    assert facts["alive"] is None and "Unable to contact slurm controller" in facts["queue"]["trouble"]
    answer = far.ask("launch", spec=far.spec("true", worker="other", nonce="nonce-2", **SLURM), by="x")
    assert (answer["ok"], answer["code"]) == (False, "cluster_silent")
    assert far.stop()["state"] == "stopped"
    assert Path(run.log).read_text().split() == ["begins", "ends"]


@pytest.mark.slow
def test_at_the_time_limit_the_next_job_goes_on(far: Far, slurm: Path) -> None:
    """Ten seconds: half of the quarter of a limit of a minute."""
    run = far.launch("sh", "-c", SAVES, launcher={"kind": "slurm", "time_min": 1}, restart_limit=1)
    job = beats(run, 1)
    os.kill(job["pid"], signal.SIGUSR1)
    wait_for(lambda: "asked" in Path(run.log).read_text(), "the wish for a checkpoint")
    end = far.end(run)
    assert (end["state"], end["reason"]) == ("stopped", "Slurm's time limit; goes on as attempt 2 (job 2)")
    assert beats(run, 2)["cluster_job"] == "2"
    assert far.stop()["state"] == "stopped"


def test_of_two_jobs_of_an_attempt_one_works(far: Far, slurm: Path) -> None:
    """The answer to the first submission was lost, and Slurm made a job of it after all."""
    (slurm / "full").touch()
    run = far.launch("sh", "-c", SAVES, **SLURM)
    environment = {**os.environ, **far.env, "SLURM_JOB_ID": "2", "SLURMD_NODENAME": "n2"}
    done = subprocess.run(["sh", run.attempt(1).script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "job 2 leaves: job 1 is the one that was recorded" in done.stderr
    (slurm / "full").unlink()
    assert beats(run, 1)["cluster_job"] == "1"
    far.stop()


def test_the_older_copy_is_fenced(far: Far, slurm: Path) -> None:
    """Slurm lost sight of its node, and the run was resumed elsewhere."""
    run = far.launch("sh", "-c", SAVES, **SLURM)
    old = beats(run, 1)
    for pid in processes.family(old["nonce"]):
        os.kill(pid, signal.SIGSTOP)
    (slurm / "jobs" / "1" / "over").write_text("NODE_FAIL")
    wait_for(lambda: far.facts()["alive"] is False, "the loss")
    named = {"run": os.path.basename(run.path), "project": PROJECT, "worker": "w"}
    answer = far.ask("launch", spec=named, resume=True, nonce=far.nonce("nonce-2"), by="x")
    assert answer["ok"], answer
    beats(run, 2)
    for pid in processes.family(old["nonce"]):
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not processes.family(old["nonce"]), "the end of the older copy")
    assert record(run.attempt(1).exit) is None, "it writes nothing any more"
    assert beats(run, 2)["cluster_job"] == "2"
    assert far.stop()["state"] == "stopped"
