"""Split run = straight run: a real trainer, killed in the middle of an epoch, ends with the same bits.

Two epochs of `validate`, a gate that opens, one epoch of `full`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import Command, Start, run_here, without_pictures
from tests.trainer.sessions import assert_same_weights
from trainer.checkpoint import read_checkpoint
from trainer.data.batches import Batch
from trainer.errors import CheckpointError
from trainer.loop import Trainer

pytestmark = pytest.mark.usefixtures("plain")
BATCHES = 25
STAGES = ("epochs=2", "full_epochs=1", "gate.accuracy=>= 0", "gate.pred_mse=", "gate.skill=", "patience=3")
TINY = (
    "run",
    "--config",
    "keypoint",
    "width=0.25",
    "clips=140",
    "batch_size=4",
    "log_every=1",
    "shifted_tests=false",
    *STAGES,
)


def wait_for(process: subprocess.Popen[bytes], condition: Any, timeout_s: float = 60) -> None:
    """Poll `condition` while the process lives."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def position(folder: Path) -> tuple[int, int]:
    """Finished epochs and batches of the running one, as last.pt has them."""
    try:
        state = read_checkpoint(folder / "checkpoints" / "last.pt")["state"]
    except CheckpointError:
        return 0, 0
    return state["epoch"], state["batch"]


def freeze_inside_epoch(process: subprocess.Popen[bytes], folder: Path, epoch: int) -> None:
    """Stop the process at a moment when last.pt is of the middle of `epoch`."""

    def frozen() -> bool:
        if position(folder)[0] < epoch:
            return False
        process.send_signal(signal.SIGSTOP)
        now = position(folder)
        assert now[0] == epoch, f"came too late: {now}"
        if 0 < now[1] < BATCHES:
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_for(process, frozen)


def lines(folder: Path) -> list[tuple[int, float, dict[str, float]]]:
    points = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(point["step"], point["epoch"], point["values"]) for point in points]


def assert_same_end(one: Path, other: Path) -> None:
    """Metrics, results and weights agree to the bit."""
    assert lines(one) == lines(other)
    results = [json.loads((folder / "result.json").read_text()) for folder in (one, other)]
    assert [results[0][key] for key in ("metrics", "controls", "flags", "verdict")] == [
        results[1][key] for key in ("metrics", "controls", "flags", "verdict")
    ]
    for name in ("last.pt", "best.pt", "checkpoint_epoch_2.pt", "checkpoint_epoch_3.pt"):
        assert_same_weights(one, other, name)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing ever disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    with without_pictures():
        assert run_here(folder, *TINY, "--out", ".") == 0
    return folder


def test_killed_inside_an_epoch_and_resumed_equals_never_killed(
    start: Start, command: Command, straight: Path, tmp_path: Path
) -> None:
    split = tmp_path / "split"
    process = start(*TINY, "checkpoint_every_s=0.05", "--out", "split")
    freeze_inside_epoch(process, split, epoch=1)
    process.kill()
    process.wait()
    epoch, batch = position(split)
    assert epoch == 1 and 0 < batch < BATCHES
    before = (split / "metrics.jsonl").read_bytes().splitlines()
    assert len(before) >= BATCHES + batch, "the killed run had already written lines"

    code, said = command(*TINY, "--out", "split", "--resume")
    assert code == 0 and f"going on from last.pt at step {BATCHES + batch}\n" in said
    after = (split / "metrics.jsonl").read_bytes().splitlines()
    assert after[: BATCHES + batch] == before[: BATCHES + batch], "to start again would give the same bits"
    assert_same_end(straight, split)
    steps = [step for step, _, _ in lines(split)]
    assert steps == list(range(1, 3 * BATCHES + 1)), "nothing lost, nothing doubled"


def at_steps(monkeypatch: pytest.MonkeyPatch, wanted: dict[int, Callable[[], None]]) -> None:
    """Have something done in the training loop, right before the steps after these."""
    inner = Trainer.train_step

    def step(trainer: Trainer, batch: Batch) -> None:
        wanted.get(trainer.session.state.step, lambda: None)()
        inner(trainer, batch)

    monkeypatch.setattr(Trainer, "train_step", step)


def test_term_writes_a_checkpoint_exits_143_and_resumes_to_the_same_end(
    command: Command, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = tmp_path / "split"
    with monkeypatch.context() as patch:
        at_steps(patch, {2 * BATCHES + 3: lambda: signal.raise_signal(signal.SIGTERM)})
        code, said = command(*TINY, "--out", "split")
    assert code == 143 and "stopped by SIGTERM" in said
    assert position(split) == (2, 4), "inside full, after the step that the signal came in"
    progress = json.loads((split / "progress.json").read_text())
    assert progress["step"] == 2 * BATCHES + 4 and progress["checkpoint"] == "last.pt"
    assert progress["message"] == f"stopped by SIGTERM, checkpoint at step {progress['step']}"

    code, said = command(*TINY, "--out", "split", "--resume")
    assert code == 0, said
    assert_same_end(straight, split)
    again = json.loads((split / "progress.json").read_text())
    assert again["seq"] > progress["seq"] and (progress["attempt"], again["attempt"]) == ("split.1", "split.2")


def test_usr1_writes_a_checkpoint_and_the_run_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, seen = tmp_path / "run", []
    look = {step: lambda: seen.append(position(folder)) for step in (3, 4)}
    at_steps(monkeypatch, {2: lambda: signal.raise_signal(signal.SIGUSR1), **look})
    code, said = command(*TINY, "--out", "run", "epochs=1", "full_epochs=0")
    assert code == 0, said
    assert seen == [(0, 3), (0, 3)]
    assert position(folder) == (1, 0)


def test_a_resume_must_be_of_the_same_experiment(command: Command, tmp_path: Path) -> None:
    def run(*more: str) -> tuple[int, str]:
        return command(*TINY[:4], "clips=28", "epochs=1", "shifted_tests=false", "--out", "run", *more)

    assert run()[0] == 0
    code, said = run()
    assert code == 2 and "holds a run already" in said and "--resume" in said
    code, said = run("--resume", "learning_rate=0.5")
    assert code == 1 and "learning_rate was 0.001, now 0.5" in said
    (tmp_path / "run" / "checkpoints" / "last.pt").write_bytes(b"damaged")
    code, said = run("--resume")
    assert code == 1 and "last.pt cannot be read" in said
