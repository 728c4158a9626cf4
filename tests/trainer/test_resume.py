"""Split run = straight run: a real trainer, killed in the middle of an epoch, ends with the same bits.

Two epochs of `validate`, a gate that opens, one epoch of `full`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.conftest import Command, environment, run_here, without_pictures
from tests.trainer.sessions import assert_same_weights
from trainer.checkpoint import read_checkpoint
from trainer.data.batches import Batch
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


KILLED = f"""
import math, os, signal, sys
from trainer.__main__ import main
from trainer.loop import Trainer
inner = Trainer.train_step
def step(trainer, batch):
    if trainer.session.state.step == {BATCHES} + 10:
        trainer.saved_at = -math.inf
    if trainer.session.state.step == {BATCHES} + 13:
        os.kill(os.getpid(), signal.SIGKILL)
    inner(trainer, batch)
Trainer.train_step = step
sys.exit(main(sys.argv[1:]))
"""
"""The command; in the second epoch a checkpoint is due after batch 11, and it is killed after batch 13."""


def position(folder: Path) -> tuple[int, int]:
    """Finished epochs and batches of the running one, as last.pt has them."""
    state = read_checkpoint(folder / "checkpoints" / "last.pt")["state"]
    return state["epoch"], state["batch"]


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


@pytest.mark.slow  # 12 s
def test_killed_inside_an_epoch_and_resumed_equals_never_killed(
    command: Command, straight: Path, tmp_path: Path
) -> None:
    split, batch = tmp_path / "split", 11
    words = [sys.executable, "-c", KILLED, *TINY, "--out", "split"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert position(split) == (1, batch)
    before = (split / "metrics.jsonl").read_bytes().splitlines()
    assert len(before) == BATCHES + 13, "the killed run had written lines of steps after its checkpoint"

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


@pytest.mark.slow  # 2 s
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
