"""A spot machine is taken away in the middle of a training: it ends by itself, and nothing of its work is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.end_to_end.conftest import TINY, Desk, wait_for
from tests.fixtures.spot import Metadata, metadata, notice_in

__all__ = ["metadata"]


@pytest.mark.slow  # 30 s
@pytest.mark.parametrize("desk", ["embedded"], indirect=True)  # sshd gives nobody the address of the stand-in
def test_a_notice_ends_in_a_checkpoint_and_a_stopped_run_that_goes_on_elsewhere(metadata: Metadata, desk: Desk) -> None:
    desk.profile({"pose": {"branch": "exp/a", "config": "keypoint", "set": {**TINY, "clips": 96, "epochs": 60}}})
    desk.run("launch", "pose")

    def progress() -> Any:
        try:
            found = json.loads((desk.runs("pose")[-1] / "progress.json").read_text())
        except (IndexError, OSError, ValueError):
            return None
        return found if found["epoch"] >= 1 else None

    wait_for(progress, "the second epoch")
    metadata.notice = notice_in(20)
    desk.over("pose")
    [row] = desk.ask("status", "pose", code=None)["workers"]
    assert row["state"] == "stopped" and row["reason"].startswith("spot: Amazon will terminate this machine")
    assert "stopped (spot)" in desk.run("status", "pose", code=None).stdout
    [run] = desk.runs("pose")
    last = progress()
    assert last["checkpoint"] and any((run / "checkpoints").iterdir())
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    spot, ended = (next(one for one in events if one["kind"] == kind) for kind in ("spot", "ended"))
    assert spot["at_s"] < last["checkpoint_at_s"] <= ended["at_s"] < spot["data"]["until_s"], "in time"

    metadata.notice = ""
    desk.run("resume", "pose")
    wait_for(lambda: (progress() or {}).get("attempt", "").endswith(".2"), "the second attempt")
    assert progress()["epoch"] >= last["epoch"], "from the checkpoint, not from the beginning"
    desk.run("kill", "pose", "--yes")
