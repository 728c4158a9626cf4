"""Two processes train one model over gloo, as torchrun starts them; test_split_runs has the other models."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from renderer.trajectories import make_recipe
from tests.trainer.conftest import environment
from tests.trainer.processes import ends, start
from tests.trainer.sessions import TINY, Run, assert_same_weights, values
from trainer.__main__ import main
from trainer.checkpoint import read_checkpoint
from trainer.config import TrainConfig, load_config
from trainer.data.batches import Batch, Batches
from trainer.data.source import RecipeSource
from trainer.distributed import Ranks, joined
from trainer.errors import TrainerError
from trainer.loop import Trainer
from trainer.reporter import Reporter, SilentReporter
from trainer.session import Session, open_session
from trainer.stop import Stop
from wire.run_dir import RunDir

OPEN = ("epochs=1", "full_epochs=1", "gate.accuracy=>= 0", "gate.pred_mse=", "gate.skill=", "gate.hours=")
UNEVEN = ("clips=30", "batch_size=3", "w_pred=10")
"""22 clips to train on: seven batches of which one process takes two clips and the other one, and a batch of one."""
EPOCH = 8
WORDS = {"keypoint": ("width=0.25", *UNEVEN, *OPEN), "i3d": ("epochs=1",)}
TOLERANCE = 1e-4
"""Relative, on every figure of two epochs. Sums in another order, grown by 16 steps of AdamW, come to 2e-6 here."""


def config_of(name: str) -> TrainConfig:
    return load_config(name, [*TINY, *WORDS[name]])


def say_into_file(folder: Path) -> None:
    """What this process says goes beside its run's folder."""
    said = os.open(folder.parent / f"said-{os.environ['RANK']}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)


def command(folder: Path, *more: str) -> None:
    """Do what `python -m trainer run` does."""
    say_into_file(folder)
    sys.exit(main(["run", "--config", folder.name, *TINY, *WORDS[folder.name], *more, "--out", str(folder)]))


@contextmanager
def trained(folder: Path, stop_at: int = 0) -> Iterator[Session]:
    """Train, without the pictures that `trainer run` makes at the end; it goes on where a checkpoint is.

    After step `stop_at` TERM comes to the second process.
    """
    say_into_file(folder)
    stop = Stop()
    stop.install()
    try:
        with joined() as ranks:
            (folder / "artifacts").mkdir(parents=True, exist_ok=True)
            kind, run = Reporter if ranks.is_main else SilentReporter, RunDir(str(folder))
            reporter = kind(run, "r.1", lambda progress, important: print(progress.message, flush=True))
            session = open_session(config_of(folder.name), run, reporter, stop, ranks=ranks)
            trainer = Trainer(session)

            def step(batch: Batch) -> None:
                Trainer.train_step(trainer, batch)
                if ranks.rank == 1 and session.state.step == stop_at:
                    os.kill(os.getpid(), signal.SIGTERM)

            trainer.train_step = step  # type: ignore[method-assign]
            trainer.fit()
            yield session
    except TrainerError as exc:
        print(exc, flush=True)
        sys.exit(exc.exit_code)


def train(folder: Path, stop_at: int = 0) -> None:
    with trained(folder, stop_at):
        pass


def said_by(folder: Path, rank: int) -> str:
    return (folder.parent / f"said-{rank}").read_text()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run by two processes that nothing disturbed."""
    folder = tmp_path_factory.mktemp("pair") / "keypoint"
    assert ends(start(train, folder)) == [0, 0], said_by(folder, 0) + said_by(folder, 1)
    return folder


@pytest.mark.slow  # 10 s
def test_two_processes_give_the_figures_of_one(pair: Path, tmp_path: Path) -> None:
    alone = Run(tmp_path, config_of(pair.name))
    alone.trainer.fit()
    one, two = values(tmp_path), values(pair)
    assert [step for step, _ in two] == [step for step, _ in one] == list(range(1, 2 * EPOCH + 1))
    for (step, expected), (_, found) in zip(one, two, strict=True):
        assert found == pytest.approx(expected, rel=TOLERANCE), step
    last = read_checkpoint(pair / "checkpoints" / "last.pt")
    assert last["state"]["gate"]["passed"] and last["state"]["stage_ends"] == [1]


@pytest.mark.slow  # 4 s
def test_a_signal_to_one_ends_both_after_a_checkpoint_and_resumed_they_end_with_the_same_bits(
    pair: Path, tmp_path: Path
) -> None:
    split = tmp_path / pair.name
    assert ends(start(train, split, EPOCH + 3)) == [143, 143], said_by(split, 0) + said_by(split, 1)
    assert f"stopped by SIGTERM, checkpoint at step {EPOCH + 3}" in said_by(split, 0)

    assert ends(start(train, split)) == [0, 0], said_by(split, 0)
    assert f"going on from last.pt at step {EPOCH + 3}\n" in said_by(split, 0)
    assert values(split) == values(pair)
    for name in ("last.pt", "best.pt"):
        assert_same_weights(split, pair, name)


@pytest.mark.slow  # 4 s
def test_the_death_of_one_ends_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "keypoint"
    processes = start(command, folder, "epochs=1000")
    deadline = time.monotonic() + 60
    while not (folder / "metrics.jsonl").exists():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
    processes[1].kill()
    assert ends(processes, 30)[0] == 1
    last = said_by(folder, 0).splitlines()[-1]
    assert last.startswith("trainer: process 1 of 2: another process has ended") and "--resume" in last
    assert not said_by(folder, 1), "the first process alone speaks"


@pytest.mark.slow  # 2 s
def test_one_process_goes_on_after_two_and_says_so(pair: Path, tmp_path: Path) -> None:
    shutil.copytree(pair, tmp_path / "alone")
    run = Run(tmp_path / "alone", config_of(pair.name))
    assert "processes: 1, 2 before; the batches are the same, sums are rounded otherwise" in run.said
    assert run.session.state.step == 2 * EPOCH


def train_and_compare(folder: Path) -> None:
    """Train; fail unless both processes then hold the same numbers, some of them running statistics."""
    with trained(folder) as session:
        numbers = {name: tensor.numpy().tobytes() for name, tensor in session.model.state_dict().items()}
        first, second = session.ranks.gather(numbers)
        assert first == second and any("running_var" in name for name in first)
        clips = session.ranks.gather(int(next(session.train.epoch(0)).video.sum()))
        assert clips[0] != clips[1], "each draws its own part"


@pytest.mark.slow  # 4 s
def test_with_batch_norm_both_hold_the_same_weights_and_statistics(tmp_path: Path) -> None:
    folder = tmp_path / "i3d"
    assert ends(start(train_and_compare, folder)) == [0, 0], said_by(folder, 0) + said_by(folder, 1)


def test_a_batch_too_small_for_the_processes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keypoint"
    assert ends(start(command, folder, "batch_size=1")) == [2, 2]
    assert "process 2 of 2: batch_size 1 leaves some of the 2 processes without a clip" in said_by(folder, 1)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_parts_of_a_batch_are_the_batch_and_weigh_as_many_clips_as_they_have(count: int) -> None:
    source = RecipeSource(make_recipe("easy", 9, 1).recipe)
    parts = [Batches(source, 4, 1, shuffle=True, part=(index, count)) for index in range(count)]
    for whole, *own in zip(Batches(source, 4, 1, shuffle=True).epoch(3), *(one.epoch(3) for one in parts), strict=True):
        counted = [batch for batch in own if batch.share]
        assert torch.equal(whole.video, torch.cat([batch.video for batch in counted]))
        assert [batch.share for batch in counted] == [batch.clips / whole.clips for batch in counted]
        assert all(len(batch.video) == 1 and batch.clips == 0 for batch in own if not batch.share)


@pytest.mark.parametrize("module", ["trainer.distributed", "trainer.run"])
def test_nothing_of_it_is_imported_for_a_process_alone(module: str) -> None:
    with joined() as ranks:
        assert (ranks.rank, ranks.world, type(ranks)) == (0, 1, Ranks) and not torch.distributed.is_initialized()
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0


@pytest.mark.slow
def test_torchrun_starts_it(tmp_path: Path) -> None:
    """About 15 s."""
    words = ["--standalone", "--nproc-per-node", "2", "-m", "trainer", "run", "--config", "keypoint", *TINY, "epochs=1"]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words],
        cwd=tmp_path, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "result.json").exists() and done.stderr.count("Everything about this run") == 1
