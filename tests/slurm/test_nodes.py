"""torchrun on two nodes: signals reach every rank, a lost one is said, and the run goes on from its checkpoint."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import TINY, wait_for
from tests.onhost.far import lines, record
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import LoginNode

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(400)]

RANK = """\
import os, pathlib, signal, sys, time
import torch, torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
folder, go = pathlib.Path(os.environ["TRAJVID_RUN_DIR"]), pathlib.Path(sys.argv[1])
state, stopped = folder / "checkpoints" / "step", []
signal.signal(signal.SIGUSR1, lambda *_: (folder / f"usr1-{rank}").touch())
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
step = torch.tensor([int(state.read_text()) if state.exists() else 0])
dist.broadcast(step, 0)
print("rank", rank, "on", os.environ["SLURMD_NODENAME"], "goes on at", int(step), flush=True)
while True:
    step += 1
    flags = torch.tensor([len(stopped), int(go.exists())])
    dist.all_reduce(flags)
    if rank == 0:
        state.parent.mkdir(exist_ok=True)
        state.with_name(".tmp-step").write_text(str(int(step)))
        os.replace(state.with_name(".tmp-step"), state)
    if flags[0]:
        os._exit(143)
    if flags[1]:
        break
    time.sleep(0.1)
dist.destroy_process_group()
"""


def ranks(desk: LoginNode, generation: int, attempt: int = 1) -> dict[int, dict[str, Any]]:
    """Wait for both ranks of a generation; return their records."""
    folder = desk.run_folder / "attempts" / str(attempt) / "ranks"

    def both() -> dict[int, dict[str, Any]] | None:
        found = {number: record(str(folder / f"0-{generation}-{number}.start")) for number in range(2)}
        known = {number: one for number, one in found.items() if one is not None}
        return known if len(known) == 2 else None

    return wait_for(both, f"both ranks, start {generation}", 120)


@pytest.fixture
def running(desk: LoginNode) -> dict[int, dict[str, Any]]:
    """The records of the ranks of a run on two nodes that has a checkpoint."""
    (desk.repo / "work.py").write_text(RANK)
    desk.worker(nodes=2, nproc=1, grace_s=20)
    desk.run("launch", "w")
    wait_for(lambda: desk.runs("w") and (desk.run_folder / "checkpoints" / "step").exists(), "a step", 120)
    return ranks(desk, 0)


def test_a_lost_rank_is_said_and_the_run_goes_on_from_its_checkpoint(
    desk: LoginNode, running: dict[int, dict[str, Any]]
) -> None:
    assert {one["node"] for one in running.values()} == {"n1", "n2"}
    before = int((desk.run_folder / "checkpoints" / "step").read_text())
    os.kill(running[1]["pid"], signal.SIGKILL)
    ranks(desk, 1)
    wait_for(lambda: any("restart 1 of 3" in text for text in desk.events()), "the word of it")
    told = next(text for text in desk.events() if "killed by SIGKILL" in text)
    assert told.startswith(f"rank 1 of 2 on {running[1]['node']}: killed by SIGKILL")
    log = desk.run_folder / "training.log"
    wait_for(lambda: log.read_text().count("goes on at") == 4, "both ranks again", 120)
    assert int(log.read_text().split("goes on at")[-1].split()[0]) >= before
    desk.go.touch()
    desk.becomes("completed")


def test_the_trainer_loses_a_rank_and_no_step(desk: LoginNode) -> None:
    desk.profile({"w": {"branch": "exp/w", "config": "keypoint", "set": {**TINY, "epochs": 8}, "nodes": 2}})
    desk.run("launch", "w")
    wait_for(lambda: desk.runs("w") and (desk.run_folder / "checkpoints" / "last.pt").exists(), "a checkpoint", 120)
    os.kill(ranks(desk, 0)[1]["pid"], signal.SIGKILL)
    desk.becomes("completed", timeout=300)
    assert "going on from last.pt at step" in (desk.run_folder / "training.log").read_text()
    steps = [point["step"] for point in lines(str(desk.run_folder / "metrics.jsonl"))]
    assert steps == sorted(set(steps))


def test_a_stop_and_a_wish_for_a_checkpoint_reach_both_nodes(
    desk: LoginNode, running: dict[int, dict[str, Any]]
) -> None:
    supervisor = desk.attempt(1, "job")
    assert supervisor is not None
    os.kill(supervisor["pid"], signal.SIGUSR1)
    wait_for(lambda: all((desk.run_folder / f"usr1-{number}").exists() for number in range(2)), "USR1 in both ranks")
    assert desk.row()["state"] == "running"
    desk.run("stop", "w", "--yes")
    end = desk.attempt(1, "exit")
    assert end is not None and (end["state"], end["code"], end.get("forced")) == ("stopped", 143, False), end
    assert not desk.marked()


def test_what_does_not_end_within_its_grace_is_killed_on_both_nodes(
    desk: LoginNode, running: dict[int, dict[str, Any]]
) -> None:
    for one in running.values():
        os.kill(one["pid"], signal.SIGSTOP)
    desk.run("kill", "w", "--yes")
    end = desk.attempt(1, "exit")
    assert end is not None and (end["state"], end["forced"]) == ("stopped", True), end
    assert not desk.marked()


def test_an_agent_that_is_killed_ends_the_attempt(desk: LoginNode, running: dict[int, dict[str, Any]]) -> None:
    """Slurm alone would say RUNNING for ever."""
    agent = _parent(_parent(running[1]["pid"]))
    os.kill(agent, signal.SIGKILL)
    row = desk.becomes("failed", timeout=120)
    assert row and not desk.marked()


def test_a_node_that_does_not_see_the_root_is_said(desk: LoginNode, cluster: Cluster) -> None:
    """Slurm opens the log on the first node alone, so the other one finds out itself."""
    cluster.kill("n2")
    cluster.start_node("n2", hidden=desk.far_root)
    try:
        wait_for(lambda: cluster.idle_nodes() == 2, "the node")
        desk.worker(nodes=2)
        desk.run("launch", "w")
        reason = desk.becomes("failed", timeout=120)["reason"]
        assert reason.startswith("1 of 2 nodes came up (n1); do all see this folder?"), reason
        assert "node n2 does not see" in (desk.run_folder / "training.log").read_text()
    finally:
        cluster.kill("n2")
        cluster.start_node("n2")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
