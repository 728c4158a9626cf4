"""The main job: four branches trained at once, headless, on real git, real SSH, real training, results at home."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.conftest import TINY, Desk, git, long_on_openssh

SMALL = {**TINY, "clips": 28, "epochs": 1, "width": 0.05}
WORKERS = {
    "keypoint-a": {"branch": "exp/keypoint-a", "config": "keypoint", "set": {**SMALL, "seed": 1}},
    "keypoint-b": {"branch": "exp/keypoint-b", "config": "keypoint", "set": {**SMALL, "seed": 2}},
    "transformer-a": {"branch": "exp/transformer-a", "config": "transformer", "set": {**SMALL, "seed": 1}},
    "transformer-b": {"branch": "exp/transformer-b", "config": "transformer", "set": {**SMALL, "seed": 2}},
    "clock": {"branch": "exp/clock", "command": ["sh", "-c", "echo tick; sleep 1; echo tock"]},
}
TRAINED = [worker for worker in WORKERS if worker != "clock"]


@pytest.fixture
def bundles() -> None:
    """The code is brought too."""


@long_on_openssh
def test_four_branches_and_a_command_run_to_their_end(desk: Desk) -> None:
    desk.profile(WORKERS)
    (desk.repo / "notes.txt").write_text("not committed yet\n")
    git(desk.repo, "add", "profiles.yaml")
    git(desk.repo, "commit", "-qm", "Add the profile")
    before = git(desk.repo, "status", "--porcelain"), git(desk.repo, "for-each-ref")

    data = desk.ask("launch", "--all", "--wait", timeout=110)

    rows = {row["worker"]: row for row in data["workers"]}
    assert {worker: rows[worker]["state"] for worker in WORKERS} == dict.fromkeys(WORKERS, "completed")
    assert (git(desk.repo, "status", "--porcelain"), git(desk.repo, "for-each-ref")) == before
    for worker in TRAINED:
        (run,) = desk.home_runs(worker)
        names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
        assert {"spec.json", "PROGRESS.txt", "HEARTBEAT.txt", "training.log", "metrics.jsonl"} <= names, worker
        assert {"checkpoints/best.pt", "checkpoints/last.pt"} <= names, worker
        assert any(name.endswith("training_curves.png") for name in names), worker
        assert not any(".tmp-" in name for name in names)
        result = json.loads((run / "result.json").read_text())
        assert 0 <= result["metrics"]["accuracy"] <= 1 and result["controls"]
        spec = json.loads((run / "spec.json").read_text())
        assert spec["branch"] == WORKERS[worker]["branch"]
    (clock,) = desk.home_runs("clock")
    assert "tick" in (clock / "training.log").read_text() and "tock" in (clock / "training.log").read_text()
    assert desk.marked() == []
