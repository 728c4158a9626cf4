"""Four branches at their gate with nobody watching: two pass and go on by themselves, one is held, one fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import TINY, Desk

STAGES = {**TINY, "full_epochs": 1}
OPEN = {"gate.accuracy": ">= 0", "gate.pred_mse": "< 99", "gate.skill": "> -99", "gate_improving": False}
WORKERS: dict[str, dict[str, Any]] = {
    "passes-a": {"branch": "exp/passes-a", "config": "keypoint", "set": {**STAGES, **OPEN}},
    "passes-b": {"branch": "exp/passes-b", "config": "transformer", "set": {**STAGES, **OPEN}},
    "held": {"branch": "exp/held", "config": "keypoint", "set": {**STAGES, **OPEN, "gate.accuracy": "> 2"}},
    "fails": {"branch": "exp/fails", "command": ["sh", "-c", "echo out of memory; exit 3"]},
}


def epochs(run: Path) -> list[float]:
    """Epochs after which a validation was logged."""
    points = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return sorted({point["epoch"] for point in points if "val_loss" in point["values"]})


@pytest.mark.slow  # a minute: six trainings
@pytest.mark.timeout(600)
def test_the_gate_decides_on_the_host_and_a_person_decides_about_what_it_holds(desk: Desk) -> None:
    desk.profile(WORKERS)
    desk.run("launch", "--all")
    for worker in WORKERS:
        desk.ended(worker)
    rows = {row["worker"]: row for row in desk.ask("status")["workers"]}
    states = {worker: row["state"] for worker, row in rows.items()}
    assert states == {"passes-a": "completed", "passes-b": "completed", "held": "held", "fails": "failed"}
    assert rows["held"]["reason"].startswith("held at the gate: accuracy ") and rows["held"]["stage"] == "validate"
    assert epochs(desk.runs("passes-a")[-1]) == [1, 2, 3] and rows["passes-a"]["stage"] == "full"
    assert epochs(desk.runs("held")[-1]) == [1, 2]

    assert desk.ask("resume", "held", code=1)["code"] == "held"
    released = desk.ask("release", "held", "--wait", timeout=110)["workers"][0]
    assert (released["state"], released["run"]) == ("completed", rows["held"]["run"])
    assert released["result"]["gate"]["released_by"] == released["decision"]["by"]
    assert epochs(desk.runs("held")[-1]) == [1, 2, 3], "it went on from the checkpoint of its gate"
    (home,) = desk.home_runs("held")
    assert json.loads((home / "gate_decision.json").read_text())["decision"] == "release"

    again = desk.ask("relaunch", "held", "--set", "epochs=1", "--wait", code=8, timeout=110)
    assert again["code"] == "held"
    retired = desk.ask("retire", "held")["retired"][0]
    assert retired["state"] == "stopped" and retired["reason"].startswith("retired by ")
    assert desk.ask("release", "held", code=1)["code"] == "retired"
    [row] = desk.ask("status", "held")["workers"]
    assert (row["state"], row["parent"]) == ("stopped", released["run"])
    assert desk.marked() == []
