"""What goes wrong in a cluster: a controller that is silent, a node out of sight, an answer that is lost."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote.onhost import processes
from tests.end_to_end.conftest import wait_for
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import LoginNode

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


@pytest.fixture
def controller_down(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """Kill the controller by calling it, once it has written down what it knows; it is there again at the end."""

    def kill() -> None:
        names = cluster.tool("squeue", "-h", "-o", "%j").stdout.split()
        saved = cluster.folder / "state" / "job_state"
        wait_for(lambda: all(name.encode() in saved.read_bytes() for name in names), "the jobs in the saved state")
        cluster.kill("slurmctld")

    yield kill
    if not cluster.runs("slurmctld"):
        cluster.start_controller()


def test_with_the_controller_down_nothing_is_called_failed(
    desk: LoginNode, cluster: Cluster, controller_down: Callable[[], None]
) -> None:
    desk.worker()
    desk.run("launch", "w")
    desk.becomes("running")
    controller_down()
    row = desk.row()
    assert row["state"] == "running" and "squeue" in str(row), row
    desk.run("stop", "w", "--yes")
    assert desk.row()["state"] == "stopped", "the supervisor finds the wish by itself"
    cluster.start_controller()
    assert desk.row()["state"] == "stopped"


def test_one_that_waits_stays_queued_while_the_controller_is_down(
    desk: LoginNode, cluster: Cluster, blocked: Callable[[], None], controller_down: Callable[[], None]
) -> None:
    desk.worker()
    desk.run("launch", "w")
    desk.becomes("queued")
    controller_down()
    row = desk.row()
    assert row["state"] == "queued" and "squeue" in str(row), row
    refused = desk.run("launch", "w", code=None)
    assert refused.returncode == 0 and len(desk.runs("w")) == 1, "it is still that one run"
    cluster.start_controller()
    blocked()
    desk.becomes("running")


def test_a_launch_while_the_controller_is_down_is_refused_and_leaves_nothing(
    desk: LoginNode, cluster: Cluster, controller_down: Callable[[], None]
) -> None:
    desk.worker()
    controller_down()
    error = desk.ask("launch", "w", code=None)
    assert "Slurm says nothing" in str(error) and not desk.runs("w")
    cluster.start_controller()
    desk.run("launch", "w")
    assert len(desk.runs("w")) == 1


def test_a_node_that_comes_back_finds_that_its_attempt_was_taken_over(desk: LoginNode, cluster: Cluster) -> None:
    """The node is halted, Slurm gives it up, the run goes on elsewhere; then the old copy wakes. Two minutes."""
    desk.worker()
    desk.run("launch", "w")
    desk.becomes("running")
    old = desk.attempt(1, "job")
    assert old is not None
    halted = processes.family(old["nonce"])
    for pid in halted:
        os.kill(pid, signal.SIGSTOP)
    cluster.kill(old["node"])
    try:
        row = desk.becomes("lost", timeout=120)
        assert "NODE_FAIL" in str(row), row
        desk.run("resume", "w", timeout=120)
        wait_for(lambda: (job := desk.attempt(2, "job")) and job["node"], "the second attempt on its node", 120)
        new = desk.attempt(2, "job")
        assert new is not None and new["node"] != old["node"]
        desk.becomes("running")
        for pid in halted:
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: not processes.family(old["nonce"]), "the old copy's end", 30)
        wait_for(lambda: desk.checkpoint()["attempt"].endswith(".2"), "a checkpoint of the new one")
        assert desk.attempt(1, "exit") is None, "the old copy writes nothing any more"
        assert desk.row()["state"] == "running"
    finally:
        for pid in processes.family(old["nonce"]):
            os.kill(pid, signal.SIGKILL)
        cluster.start_node(old["node"])


LOSING = """#!/bin/sh
[ -e "{folder}/lost" ] && exec {sbatch} "$@"
touch "{folder}/lost"
{sbatch} "$@" > /dev/null
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1
"""
REFUSING = """#!/bin/sh
echo "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified" >&2
exit 1
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script before `sbatch`."""
    real = shutil.which("sbatch")

    def put(script: str) -> None:
        (tmp_path / "sbatch").write_text(script.format(folder=tmp_path, sbatch=real))
        (tmp_path / "sbatch").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return put


def test_a_lost_answer_of_sbatch_leads_to_one_job(
    desk: LoginNode, cluster: Cluster, tmp_path: Path, stand_in: Callable[[str], None]
) -> None:
    stand_in(LOSING)
    desk.worker()
    before = set(cluster.jobs())
    desk.run("launch", "w")
    desk.becomes("running")
    assert (tmp_path / "lost").exists() and len(set(cluster.jobs()) - before) == 1
    starts = (desk.run_folder / "training.log").read_text().count("begins at")
    assert starts == 1


def test_a_node_that_does_not_see_the_root_says_so(desk: LoginNode, cluster: Cluster) -> None:
    """Slurm cannot even open the log there."""
    cluster.kill("n2")
    cluster.start_node("n2", hidden=desk.far_root)
    try:
        wait_for(lambda: cluster.idle_nodes() == 2, "the node")
        desk.worker(slurm={"partition": "second"})
        desk.run("launch", "w")
        row = desk.becomes("lost")
        assert "does not see" in str(row) and "shared storage" in str(row), row
    finally:
        cluster.kill("n2")
        cluster.start_node("n2")


def test_a_killed_supervisor_is_a_lost_run_with_slurms_last_words(desk: LoginNode, cluster: Cluster) -> None:
    desk.worker()
    desk.run("launch", "w")
    desk.becomes("running")
    desk.kill_supervisor()
    row = desk.becomes("lost")
    assert "Slurm: FAILED" in str(row), row
    desk.run("resume", "w")
    desk.becomes("running")


class TestBadInput:
    """Refused before anything is submitted, in one line with the next step."""

    @pytest.mark.parametrize(
        ("slurm", "more", "said"),
        [
            ({"partition": "gold"}, {}, ["no partition gold", "main"]),
            ({"partition": "first"}, {"nodes": 2}, ["2 nodes", "partition first has 1"]),
            ({"constraint": "a100"}, {}, ["invalid feature", "`slurm: constraint:`"]),
            ({}, {"memory_mib": 999_999}, ["memory specification can not be satisfied", "`memory_mib:`"]),
            ({}, {"gpus": 1}, ["invalid generic resource", "`gpus:`"]),
        ],
    )
    def test_what_the_cluster_does_not_have(
        self, desk: LoginNode, slurm: dict[str, str], more: dict[str, int], said: list[str]
    ) -> None:
        desk.worker(slurm=slurm, **more)
        error = desk.ask("launch", "w", code=None)
        text = f"{error}".lower()
        assert all(word.lower() in text for word in said), error
        assert not desk.runs("w")

    def test_an_account_without_rights(self, desk: LoginNode, stand_in: Callable[[str], None]) -> None:
        """In sbatch's own words: to know accounts, Slurm needs a database of its own."""
        stand_in(REFUSING)
        desk.worker(slurm={"account": "the-rich"})
        error = desk.ask("launch", "w", code=None)
        assert "Invalid account or account/partition combination specified" in error["message"]
        assert "`slurm: account:`" in error["hint"] and not desk.runs("w")

    def test_a_secret(self, desk: LoginNode, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.worker(keys=[{"TOKEN": "echo secret"}])
        error = desk.ask("launch", "w", code=None)
        assert "TOKEN" in str(error) or "consent" in str(error)
        assert not desk.runs("w")
