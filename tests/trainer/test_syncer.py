"""`ResultSyncer`: the records of anybody's loop, read back through wire, and all that must not hurt the loop."""

from __future__ import annotations

import os
import pickle
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from tests.trainer.conftest import REPOSITORY, environment
from trainer import ResultSyncer
from wire.records import MetricPoint, Progress
from wire.state import Phase

EXAMPLE = REPOSITORY / "examples" / "plain_pytorch" / "train.py"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def nobody_supervises(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRAJVID_RUN_DIR", "TRAJVID_ATTEMPT"):
        monkeypatch.delenv(name, raising=False)


def progress(folder: Path) -> Progress:
    return Progress.from_bytes((folder / "progress.json").read_bytes())


def points(folder: Path) -> list[MetricPoint]:
    return [MetricPoint.from_bytes(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]


def test_a_loop_leaves_the_records_of_a_run(tmp_path: Path) -> None:
    clock = Clock()
    with ResultSyncer(tmp_path / "out", total_steps=4, total_epochs=2, clock=clock) as syncer:
        for step in range(1, 5):
            clock.now += 1
            syncer.log_metrics(step, epoch=step / 2, train_loss=torch.tensor(1 / step, requires_grad=True))
            syncer.save_checkpoint({"w": torch.full((2,), float(step)), "step": step})
        during = progress(tmp_path / "out")
    assert (during.phase, during.step, during.epoch, during.attempt) == (Phase.TRAIN.value, 4, 2, "out.1")
    assert during.message.startswith("train epoch 2/2 step 4/4 train_loss 0.25")
    after = progress(tmp_path / "out")
    assert (after.phase, after.message, after.checkpoint, after.eta_s) == ("done", "done", "last.pt", 0)
    assert [(point.step, point.epoch) for point in points(tmp_path / "out")] == [(1, 0.5), (2, 1), (3, 1.5), (4, 2)]
    saved = torch.load(tmp_path / "out" / "checkpoints" / "last.pt", weights_only=True)
    assert saved["step"] == 4 and saved["w"].tolist() == [4, 4]
    assert "100.0 %" in (tmp_path / "out" / "PROGRESS.txt").read_text()
    assert (tmp_path / "out" / "HEARTBEAT.txt").read_text().rstrip().endswith("step 4 done")


def test_checkpoints_are_written_once_an_interval_and_at_the_end(tmp_path: Path) -> None:
    clock = Clock()
    syncer = ResultSyncer(tmp_path, checkpoint_interval=300, clock=clock)
    written = []
    for step in range(8):
        clock.now += 100
        written.append(syncer.save_checkpoint({"step": step}))
    assert written == [True, False, False, True, False, False, True, False]
    assert syncer.last_checkpoint == tmp_path / "checkpoints" / "last.pt"
    assert torch.load(syncer.last_checkpoint, weights_only=True) == {"step": 6}
    assert syncer.save_checkpoint({"step": 8}, force=True) and not syncer.save_checkpoint({"step": 9})
    syncer.close()
    assert torch.load(syncer.last_checkpoint, weights_only=True) == {"step": 9}
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.pt"]


def test_an_error_in_the_loop_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ResultSyncer(tmp_path) as syncer:
        syncer.save_checkpoint({"step": 1})
        syncer.save_checkpoint({"step": 2})
        raise ZeroDivisionError("nothing left")
    assert torch.load(tmp_path / "checkpoints" / "last.pt", weights_only=True) == {"step": 1}
    assert progress(tmp_path).message == "ended by ZeroDivisionError: nothing left"
    assert progress(tmp_path).phase != "done"


def test_the_control_plane_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJVID_RUN_DIR", str(tmp_path / "given"))
    monkeypatch.setenv("TRAJVID_ATTEMPT", "worker-1.3")
    with ResultSyncer(tmp_path / "mine") as syncer:
        syncer.log_metrics(1, loss=2.0)
    assert not (tmp_path / "mine").exists() and progress(tmp_path / "given").attempt == "worker-1.3"
    assert not (tmp_path / "given" / "HEARTBEAT.txt").exists(), "the supervisor beats"


def test_what_an_earlier_attempt_did_beyond_its_checkpoint_is_cut(tmp_path: Path) -> None:
    for first, attempt in ((1, f"{tmp_path.name}.1"), (3, f"{tmp_path.name}.2")):
        with ResultSyncer(tmp_path) as syncer:
            for step in range(first, first + 4):
                syncer.log_metrics(step, loss=step)
        assert progress(tmp_path).attempt == attempt
    assert [point.step for point in points(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert points(tmp_path)[2].attempt.endswith(".2")


def test_a_text_stands_until_the_next(tmp_path: Path) -> None:
    clock = Clock()
    with ResultSyncer(tmp_path, clock=clock) as syncer:
        clock.now += 1
        syncer.update_heartbeat("counting\nsheep")
        assert progress(tmp_path).message == "counting sheep"
        clock.now += 1
        syncer.log_metrics(7, sheep=3)
        assert (progress(tmp_path).message, progress(tmp_path).step) == ("counting sheep", 7)
        clock.now += 1
        syncer.update_heartbeat("")
        assert progress(tmp_path).message == "train step 7 sheep 3"


def test_signals_are_wishes_while_it_is_open(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)
    syncer = ResultSyncer(tmp_path)
    assert signal.getsignal(signal.SIGTERM) == before[0], "a script that never looks is ended as ever"
    assert not syncer.should_stop and syncer.save_checkpoint({"step": 1})
    os.kill(os.getpid(), signal.SIGUSR1)
    assert not syncer.should_stop and syncer.save_checkpoint({"step": 2}) and not syncer.save_checkpoint({"step": 3})
    os.kill(os.getpid(), signal.SIGTERM)
    assert syncer.should_stop and syncer.save_checkpoint({"step": 4})
    syncer.close()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)) == before
    assert (progress(tmp_path).message, progress(tmp_path).phase) == ("stopped", Phase.LOAD.value)


def test_nothing_that_cannot_be_written_ends_the_training(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    with ResultSyncer(tmp_path / "file") as syncer:
        syncer.log_metrics(1, loss=1.0)
        syncer.log_metrics(2, loss="not a number")
        syncer.update_heartbeat("still here")
        assert not syncer.save_checkpoint({"step": 1}) and syncer.last_checkpoint is None
    said = capfd.readouterr().err
    assert said.count("WARNING the results are not complete") == 1 and said.count("\n") <= 2


def test_a_failed_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    with ResultSyncer(tmp_path) as syncer:
        syncer.save_checkpoint({"step": 1})
        assert not syncer.save_checkpoint({"step": lambda: 2}, force=True), "a function cannot be written"
        assert torch.load(syncer.last_checkpoint, weights_only=True) == {"step": 1}
        syncer.save_checkpoint({"step": 3}, force=True)
    assert torch.load(tmp_path / "checkpoints" / "last.pt", weights_only=True) == {"step": 3}
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.pt"]


def test_many_threads_leave_whole_lines(tmp_path: Path) -> None:
    with ResultSyncer(tmp_path) as syncer:
        syncer.log_metrics(0, loss=0)

        def work(worker: int) -> None:
            for step in range(1, 51):
                syncer.log_metrics(step, loss=worker)
                syncer.update_heartbeat(f"worker {worker}")

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(points(tmp_path)) == 201 and progress(tmp_path).phase == "done"


def test_without_torch_and_without_close(tmp_path: Path) -> None:
    """A script that imports nothing else, writes a plain checkpoint, and just ends."""
    code = (
        "import sys; from trainer import ResultSyncer; s = ResultSyncer('out'); s.log_metrics(3, loss=1)\n"
        "s.save_checkpoint({'step': 1}); s.save_checkpoint({'step': 2})\n"
        "sys.exit([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert pickle.loads((tmp_path / "out" / "checkpoints" / "last.pkl").read_bytes()) == {"step": 2}
    assert progress(tmp_path / "out").message == "done" and points(tmp_path / "out")[0].step == 3


@pytest.mark.slow  # 3 s
def test_the_example_trains_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [sys.executable, str(EXAMPLE), "--steps", "100", "--results", "out"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    runpy.run_path(str(EXAMPLE))["train"](200, str(tmp_path / "out"))
    found = points(tmp_path / "out")
    assert [point.step for point in found] == [50, 100, 150, 200] and found[-1].attempt == "out.2"
    assert set(found[0].values) == {"train_loss", "val_accuracy"}
    last = progress(tmp_path / "out")
    assert (last.step, last.total_steps, last.phase, last.checkpoint) == (200, 200, "done", "last.pt")
