"""A session in this process: interruptions at moments that a signal from outside can hardly hit."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch

from trainer.checkpoint import read_checkpoint
from trainer.config import load_config
from trainer.durable import write_durably
from trainer.errors import Interrupted
from trainer.loop import Trainer
from trainer.reporter import Reporter
from trainer.schedule import learning_rate
from trainer.session import Session, open_session
from trainer.stages import running_stage
from trainer.stop import Stop
from wire.run_dir import RunDir

CONFIG = load_config("transformer", ["width=0.05", "clips=40", "batch_size=8", "epochs=2", "log_every=1"])


def session(folder: Path, stop: Stop | None = None) -> Session:
    run = RunDir(str(folder))
    Path(run.artifacts).mkdir(parents=True, exist_ok=True)
    opened = open_session(CONFIG, run, Reporter(run, "r.1", lambda *_: None), stop or Stop())
    opened.reporter.cut_metrics(opened.state.logged_step)
    return opened


def values(folder: Path) -> list[tuple[int, dict[str, float]]]:
    points = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(point["step"], point["values"]) for point in points]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    Trainer(session(folder)).fit()
    return folder


def test_a_signal_during_the_evaluation_keeps_the_epoch(straight: Path, tmp_path: Path) -> None:
    stop = Stop()
    trainer = Trainer(session(tmp_path, stop))
    trainer.train_epoch()
    stop.signal = signal.SIGTERM
    with pytest.raises(Interrupted) as caught:
        trainer.validate()
    assert caught.value.exit_code == 143
    state = read_checkpoint(tmp_path / "checkpoints" / "last.pt")["state"]
    assert (state["epoch"], state["batch"]) == (0, len(trainer.session.train))
    Trainer(session(tmp_path)).fit()
    assert values(tmp_path) == values(straight)


@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_stopped_at_any_step_and_resumed_equals_straight(straight: Path, tmp_path: Path, step: int) -> None:
    stop = Stop()
    trainer = Trainer(session(tmp_path, stop))
    inner = trainer.train_step

    def until(batch: object) -> None:
        inner(batch)  # type: ignore[arg-type]
        if trainer.session.state.step == step:
            stop.signal = signal.SIGTERM

    trainer.train_step = until  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        trainer.fit()
    assert read_checkpoint(tmp_path / "checkpoints" / "last.pt")["state"]["step"] == step
    resumed = session(tmp_path)
    assert resumed.state.step == step, "to start again in silence would give the same bits"
    Trainer(resumed).fit()
    assert values(tmp_path) == values(straight)


def test_a_checkpoint_of_version_3_is_gone_on_with(straight: Path, tmp_path: Path) -> None:
    """The sums of an epoch had fields of their own then, and a config had no kind of experiment."""
    stop = Stop()
    trainer = Trainer(session(tmp_path, stop))
    trainer.train_step(next(trainer.session.train.epoch(0)))
    trainer.save(["last.pt"])
    last = tmp_path / "checkpoints" / "last.pt"
    content = read_checkpoint(last)
    del content["identity"]["problem"]
    sums = content["state"].pop("sums")
    fields = {"loss": "loss_sum", "class_loss": "class_sum", "pred_loss": "pred_sum", "accuracy": "correct"}
    older = {"version": 3, "state": content["state"] | {fields[name]: total for name, total in sums.items()}}
    write_durably(last, lambda file: torch.save(content | older, file))
    resumed = session(tmp_path)
    assert (resumed.state.step, resumed.state.sums) == (1, sums)
    Trainer(resumed).fit()
    assert values(tmp_path)[1:] == values(straight)[2:], "a line for each step: the first step's was not logged here"


def test_work_lost_after_the_checkpoint_is_done_again_once(straight: Path, tmp_path: Path) -> None:
    """The state of a run that died just before its epoch's checkpoint: metrics are ahead of last.pt."""
    trainer = Trainer(session(tmp_path))
    trainer.train_epoch()
    trainer.finish_epoch(trainer.validate())
    last = (tmp_path / "checkpoints" / "last.pt").read_bytes()
    trainer.train_epoch()
    trainer.finish_epoch(trainer.validate())
    (tmp_path / "checkpoints" / "last.pt").write_bytes(last)
    (tmp_path / "checkpoints" / ".tmp-last.pt.1").write_bytes(b"half")
    Trainer(session(tmp_path)).fit()
    assert values(tmp_path) == values(straight)
    assert not list((tmp_path / "checkpoints").glob(".tmp-*"))


def test_the_schedule_rises_then_falls() -> None:
    stage = running_stage(CONFIG, [])
    rates = [learning_rate(CONFIG, stage, step, 50) for step in range(100)]
    assert rates[0] == pytest.approx(CONFIG.learning_rate / 10) and max(rates) == rates[9] == CONFIG.learning_rate
    assert rates[10:] == sorted(rates[10:], reverse=True) and rates[-1] < 0.001 * CONFIG.learning_rate
    constant = CONFIG.model_copy(update={"schedule": "constant"})
    assert learning_rate(constant, stage, 99, 50) == CONFIG.learning_rate
