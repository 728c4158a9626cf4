"""A plain PyTorch script under the control plane: live metrics, a stop with its checkpoint, and on from there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Desk, git, wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "plain_pytorch" / "train.py"
STEPS = 6000


@pytest.mark.slow  # half a minute: the script runs twice
@pytest.mark.parametrize("desk", ["embedded"], indirect=True)
def test_a_plain_script_is_live_stops_and_goes_on(desk: Desk) -> None:
    shutil.copy(EXAMPLE, desk.repo)
    git(desk.repo, "add", "train.py")
    git(desk.repo, "commit", "-qm", "Add a script")
    command = ["{python}", "train.py", "--steps", str(STEPS)]
    # An empty PYTHONPATH: the package can only come from the bundle that travelled with the run.
    desk.profile({"spirals": {"branch": "exp/spirals", "command": command, "variables": {"PYTHONPATH": ""}}})
    desk.run("launch", "spirals")

    def live() -> dict | None:
        (row,) = desk.ask("status", code=None)["workers"]
        return row if row["state"] == "running" and "train_loss" in row["metrics"] else None

    assert 0 < wait_for(live, "metrics while it runs")["step"] < STEPS
    desk.run("stop", "spirals")
    wait_for(lambda: desk.state("spirals") == "stopped", "the state stopped")
    (run,) = desk.runs("spirals")
    stopped = json.loads((run / "progress.json").read_text())
    assert stopped["message"] == "stopped" and stopped["checkpoint"] == "last.pt" and stopped["step"] < STEPS
    desk.run("resume", "spirals", "--wait")

    (run,) = desk.home_runs("spirals")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(50, STEPS + 1, 50)), "nothing lost, nothing twice"
    assert {line["attempt"].rpartition(".")[2] for line in lines} == {"1", "2"}
    assert (run / "checkpoints" / "last.pt").exists() and (run / "HEARTBEAT.txt").exists()
