"""Split run = straight run: a trainer killed in mid-epoch and resumed ends on the very same numbers."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.conftest import TINY, Desk, wait_for

SETTINGS = {**TINY, "clips": 96, "epochs": 3, "seed": 5, "checkpoint_every_s": 0.05}
TIMES = {"at_s", "attempt", "seconds", "samples_per_s", "epoch_s", "eta_s", "train_s", "inference_ms"}


def numbers(run: Path) -> list[dict]:
    """Every line of metrics.jsonl without its times, in order."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {"step": line["step"], "values": {key: value for key, value in line["values"].items() if key not in TIMES}}
        for line in lines
    ]


@pytest.mark.slow  # 30 s; tests/trainer/test_resume.py has the same without a control plane
def test_killed_in_mid_epoch_and_resumed_gives_the_same_bits(desk: Desk) -> None:
    desk.profile(
        {
            "straight": {"branch": "exp/a", "config": "keypoint", "set": SETTINGS},
            "split": {"branch": "exp/b", "config": "keypoint", "set": SETTINGS},
        }
    )
    desk.run("launch", "split", "straight")

    def inside_an_epoch() -> dict | None:
        try:
            progress = json.loads((desk.runs("split")[-1] / "progress.json").read_text())
        except (IndexError, OSError, ValueError):
            return None
        inside = progress["epoch"] >= 1 and 0 < progress["epoch_fraction"] < 1 and progress["checkpoint"]
        return progress if inside else None

    wait_for(inside_an_epoch, "the middle of the second epoch")
    os.kill(json.loads((desk.runs("split")[-1] / "heartbeat.json").read_text())["child_pid"], signal.SIGKILL)
    assert desk.ended("split") == "failed"
    desk.run("resume", "split", "--wait")
    assert desk.ended("straight") == "completed"

    (split,), (straight,) = desk.runs("split"), desk.runs("straight")
    assert numbers(split) == numbers(straight)
    assert [path.name for path in sorted((split / "attempts").iterdir())] == ["1", "2"]
    ends = [json.loads((run / "result.json").read_text()) for run in (split, straight)]
    assert ends[0]["metrics"] == ends[1]["metrics"] and ends[0]["controls"] == ends[1]["controls"]
