"""Branches at their gate with nobody watching, and what a person finds and does afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import TINY, Desk, wait_for
from tests.end_to_end.test_terminal import Terminal

STAGES = {**TINY, "full_epochs": 1}
OPEN = {"gate.accuracy": ">= 0", "gate.pred_mse": "< 99", "gate.skill": "> -99", "gate_improving": False}
CLOSED = {**OPEN, "gate.accuracy": "> 1"}
SMALL = {**STAGES, "width": 0.0625}
BRANCHES: dict[str, dict[str, Any]] = {
    "i3d": {"branch": "exp/i3d", "config": "i3d", "set": {**SMALL, **OPEN}},
    "slowfast": {"branch": "exp/slowfast", "config": "slowfast", "set": {**SMALL, **OPEN}},
    "transformer": {"branch": "exp/transformer", "config": "transformer", "set": {**SMALL, **CLOSED}},
    "magvit": {"branch": "exp/magvit", "command": ["sh", "-c", "echo out of memory; exit 3"]},
}
STATES = {"i3d": "completed", "slowfast": "completed", "transformer": "held", "magvit": "failed"}
TRAINED = ("i3d", "slowfast", "transformer")
WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is blocked")

sys.meta_path.insert(0, Blocked())
from trainer.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def epochs(run: Path) -> list[float]:
    """Epochs after which a validation was logged."""
    points = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return sorted({point["epoch"] for point in points if "val_loss" in point["values"]})


def state_on(screen: str, worker: str) -> str:
    """The state that stands under the title of a worker's tile, after its sign."""
    lines = [line.strip("┏━╭─┃│ ") for line in screen.splitlines()]
    return lines[next(index for index, line in enumerate(lines) if line.startswith(f"{worker} ")) + 1].split()[1]


@pytest.fixture
def terminal(desk: Desk) -> Iterator[Terminal]:
    made = Terminal(desk)
    yield made
    made.tmux("kill-server")


@pytest.mark.slow  # a minute and a half: three trainings at once
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_four_branches_go_their_ways_alone_and_the_app_opened_later_shows_which(desk: Desk, terminal: Terminal) -> None:
    """Two pass their gate and go on, one is held, one fails. Until all have ended, nothing runs on the laptop."""
    desk.profile(BRANCHES)
    desk.run("launch", "--all")
    for name in BRANCHES:
        desk.over(name, 300)
    assert {name: epochs(desk.runs(name)[-1]) for name in TRAINED} == {
        "i3d": [1, 2, 3],
        "slowfast": [1, 2, 3],
        "transformer": [1, 2],
    }
    assert desk.home_runs("i3d") == [] and desk.marked() == []

    terminal.start(*desk.flags)
    terminal.shows("✓ 2 completed", "◆ 1 held", "✗ 1 failed", "live", timeout=60)
    screen = terminal.shows("held at the gate: accuracy", "exit code 3: out of memory")
    assert {name: state_on(screen, name) for name in BRANCHES} == STATES
    for name in TRAINED:
        wait_for(lambda name=name: list((desk.repo / "results" / name).glob("*/result.json")), f"{name} at home")
    terminal.press("q")
    terminal.shows("left 0")

    rows = {row["worker"]: row for row in desk.ask("status")["workers"]}
    assert {name: row["state"] for name, row in rows.items()} == STATES
    assert [row["stage"] for row in rows.values()] == ["full", "full", "validate", ""]
    assert rows["transformer"]["reason"].startswith("held at the gate: accuracy ")

    homes = {name: desk.home_runs(name)[-1] for name in TRAINED}
    words = [sys.executable, "-c", WITHOUT_TORCH, "compare", *map(str, homes.values()), "--out", "table"]
    done = subprocess.run(words, cwd=desk.repo, env=desk.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    table = json.loads((desk.repo / "table" / "comparison.json").read_text())
    found = {row["name"]: row["accuracy"]["mean"] for row in table["rows"] if row["kind"] == "run"}
    results = {name: json.loads((home / "result.json").read_text()) for name, home in homes.items()}
    assert found == {name: result["metrics"]["accuracy"] for name, result in results.items()}


@pytest.mark.slow  # half a minute: three trainings of one branch
@pytest.mark.timeout(600)
def test_a_person_decides_about_what_the_gate_holds(desk: Desk) -> None:
    desk.profile({"held": {"branch": "exp/held", "config": "keypoint", "set": {**STAGES, **CLOSED}}})
    desk.run("launch", "held")
    assert desk.ended("held") == "held"
    (run,) = desk.runs("held")
    assert epochs(run) == [1, 2]

    assert desk.ask("resume", "held", code=1)["code"] == "held"
    released = desk.ask("release", "held", "--wait", timeout=110)["workers"][0]
    assert (released["state"], released["run"]) == ("completed", run.name)
    assert released["result"]["gate"]["released_by"] == released["decision"]["by"]
    assert epochs(run) == [1, 2, 3], "it went on from the checkpoint of its gate"
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
