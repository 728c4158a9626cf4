"""A real GPU: what nvidia-smi tells of it, and that a run which asked for one gets it and gives it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote.onhost import slots
from remote.onhost.machine import Gpus
from tests.onhost.far import Far, record, wait_for
from wire.run_dir import Root

pytestmark = pytest.mark.gpu


def test_the_real_tool_tells_of_every_figure() -> None:
    gpus = Gpus()
    gpus.ask(20.0)
    assert gpus.last, gpus.trouble
    for gpu in gpus.last:
        assert 0 <= gpu["memory_used_bytes"] <= gpu["memory_total_bytes"] and gpu["memory_total_bytes"] > 2**30
        assert 0 <= gpu["busy_percent"] <= 100 and 0 < gpu["temperature_c"] < 120 and gpu["name"]


def test_a_run_sees_the_gpu_that_it_was_given_and_the_next_one_waits_for_it(far: Far) -> None:
    look = "import os, sys, time; print('GPU', os.environ['CUDA_VISIBLE_DEVICES'], flush=True); time.sleep(120)"
    all_of_them = {"gpus": len(_real()), "exclusive": True}
    run = far.launch(far.python, "-c", look, resources=all_of_them)
    names = ",".join(str(gpu["index"]) for gpu in _real())
    wait_for(lambda: f"GPU {names}" in Path(run.log).read_text(), "the work's line")
    second = far.launch(far.python, "-c", "print('mine')", worker="v", nonce="nonce-2", resources={"gpus": 1})
    beat = wait_for(lambda: (record(second.heartbeat) or {}).get("waits_for"), "what the second waits for")
    assert beat.startswith("GPU 0 is taken by w")
    assert slots.holders(Root(far.root), 0)
    far.stop()
    assert far.end(second)["state"] == "completed"


def test_more_memory_than_there_is_is_refused_at_once(far: Far) -> None:
    answer = far.ask("launch", spec=far.spec("true", resources={"gpus": 1, "gpu_memory_mib": 2**29}), by="ada@laptop")
    assert answer["code"] == "no_gpu" and "MiB are there" in answer["message"]


def _real() -> list[dict[str, object]]:
    gpus = Gpus()
    gpus.ask(20.0)
    return gpus.last
