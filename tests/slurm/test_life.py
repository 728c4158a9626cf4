"""A worker's life as a job: it waits, runs, ends, is stopped, meets its time limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import wait_for
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import LoginNode

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def test_a_whole_life(desk: LoginNode, cluster: Cluster, blocked: Callable[[], None]) -> None:
    desk.worker()
    desk.run("launch", "w")
    row = desk.becomes("queued")
    assert "PENDING" in str(row) and ("Resources" in str(row) or "Priority" in str(row)), "Slurm's own words"
    blocked()
    desk.becomes("running")
    job = desk.attempt(1, "job")
    assert job is not None and job["node"] in ("n1", "n2") and job["cluster_job"] in cluster.jobs()
    desk.go.touch()
    row = desk.becomes("completed")
    desk.run("sync", "w")
    (home,) = desk.home_runs("w")
    assert "done at" in (home / "training.log").read_text()


def test_stopped_while_it_waits(desk: LoginNode, cluster: Cluster, blocked: Callable[[], None]) -> None:
    desk.worker()
    desk.run("launch", "w")
    desk.becomes("queued")
    desk.run("stop", "w", "--yes")
    desk.becomes("stopped")
    job = desk.attempt(1, "job")
    assert job is not None and cluster.jobs()[job["cluster_job"]] == "CANCELLED"
    assert not (desk.run_folder / "checkpoints").exists(), "it never began"


def test_stopped_while_it_runs_after_a_checkpoint(desk: LoginNode, cluster: Cluster) -> None:
    desk.worker()
    desk.run("launch", "w")
    desk.becomes("running")
    wait_for(lambda: (desk.run_folder / "checkpoints" / "last.json").exists(), "a step")
    desk.run("stop", "w", "--yes")
    assert desk.row()["state"] == "stopped"
    end = desk.attempt(1, "exit")
    assert end is not None and (end["state"], end["code"]) == ("stopped", 143)
    assert desk.checkpoint()["why"] == "TERM"
    assert not desk.marked()
    job = desk.attempt(1, "job")
    wait_for(lambda: job and cluster.jobs()[job["cluster_job"]] not in ("RUNNING", "COMPLETING"), "the job's end")


def test_the_time_limit_comes_after_a_checkpoint_and_the_next_job_goes_on(desk: LoginNode, cluster: Cluster) -> None:
    """Two minutes: no limit is shorter than one, and it is looked at twice a minute."""
    desk.worker(slurm={"time_min": 1}, restart_limit=1)
    desk.run("launch", "w")
    wait_for(lambda: desk.runs("w") and desk.attempt(2, "job"), "the second attempt", 150)
    end = wait_for(lambda: desk.attempt(1, "exit"), "the end of the first")
    assert end["state"] == "stopped" and end["reason"].startswith("Slurm's time limit; goes on as attempt 2 (job ")
    desk.becomes("running")
    wait_for(lambda: desk.checkpoint()["attempt"].endswith(".2"), "a step of the second attempt")
    begun = (desk.run_folder / "training.log").read_text().splitlines()[-1]
    assert int(begun.split()[-1]) > 10, begun
    desk.go.touch()
    desk.becomes("completed")
