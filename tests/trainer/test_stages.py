"""`validate`, the gate, `full`: one process goes on by itself, and a resumed one ends with the same bits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.trainer.sessions import EPOCH, Run, assert_same_weights, tiny, values
from trainer.checkpoint import read_checkpoint
from trainer.schedule import learning_rate
from trainer.stages import FULL, VALIDATE, running_stage, stages_done
from trainer.words import message, page

OPEN = ("gate.accuracy=>= 0", "gate.pred_mse=", "gate.skill=", "gate.hours=")
CONFIG = tiny("epochs=2", "full_epochs=3", "full_checkpoint_every_epochs=2", *OPEN)
STEPS = 5 * EPOCH


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("straight"), CONFIG)
    run.trainer.fit()
    return run


def test_a_run_that_passes_goes_on_by_itself(straight: Run) -> None:
    state = straight.session.state
    assert (state.epoch, state.stage_ends, state.gate["passed"]) == (5, [2], True)
    kept = {path.name for path in (straight.folder / "checkpoints").iterdir()} - {"last.pt", "best.pt"}
    assert kept == {f"checkpoint_epoch_{epoch}.pt" for epoch in (2, 4, 5)}
    gates = read_checkpoint(straight.folder / "checkpoints" / "checkpoint_epoch_2.pt")
    assert gates["state"]["epoch"] == 2 and gates["state"]["gate"] == {}


def test_progress_says_the_stage_and_counts_to_its_end(straight: Run) -> None:
    shown = {progress.stage: progress for progress in straight.shown if progress.phase == "train"}
    assert (shown["validate"].total_epochs, shown["validate"].total_steps) == (2, 2 * EPOCH)
    assert (shown["full"].total_epochs, shown["full"].total_steps, shown["full"].step) == (5, STEPS, STEPS)
    assert shown["full"].samples_total == 5 * len(straight.session.train.source)
    lines = [line for line in straight.said if "done" in line]
    assert [line[: line.index(" done")] for line in lines] == [
        "validate epoch 1/2", "validate epoch 2/2", "full epoch 3/5", "full epoch 4/5", "full epoch 5/5"
    ]  # fmt: skip
    assert "gate passed: 3 more epochs follow" in straight.said
    assert "validate, then a gate" in page(shown["validate"])
    assert "left to the gate" in message(
        type(shown["validate"])("r.1", 1, 0.0, "train", eta_s=60.0, stage="validate", total_epochs=2)
    )


@pytest.mark.parametrize("step", [2 * EPOCH, 4 * EPOCH - 1])
def test_stopped_in_either_stage_and_resumed_equals_straight(straight: Run, tmp_path: Path, step: int) -> None:
    Run(tmp_path, CONFIG).stop_at(step)
    again = Run(tmp_path, CONFIG)
    again.trainer.fit()
    assert values(tmp_path) == values(straight.folder)
    for name in ("last.pt", "best.pt", "checkpoint_epoch_4.pt"):
        assert_same_weights(tmp_path, straight.folder, name)
    assert again.session.state.stage_ends == [2]


def test_killed_between_validate_and_its_gate_the_gate_is_judged_then(straight: Run, tmp_path: Path) -> None:
    Run(tmp_path, CONFIG).trainer.train_stage()
    Run(tmp_path, CONFIG).trainer.fit()
    assert values(tmp_path) == values(straight.folder)
    assert_same_weights(tmp_path, straight.folder)


def test_each_stage_has_a_schedule_of_its_own() -> None:
    config = tiny("epochs=10", "full_epochs=40", "warmup=0.1")
    validate, full = running_stage(config, []), running_stage(config, [10])
    rates = [learning_rate(config, validate if step < 100 else full, step, 10) for step in range(500)]
    assert max(rates[:100]) == rates[9] == config.learning_rate
    assert rates[99] < 0.001 * config.learning_rate
    assert rates[100] == pytest.approx(config.full_learning_rate / 40)
    assert max(rates[100:]) == rates[139] == config.full_learning_rate
    assert rates[320] == pytest.approx(config.full_learning_rate * 0.5 * (1 + math.cos(math.pi * 180 / 360)), rel=0.02)


def test_without_full_there_is_one_stage_and_no_gate(tmp_path: Path) -> None:
    run = Run(tmp_path, tiny("epochs=1"))
    run.trainer.fit()
    assert run.session.state.gate == {} and not any("gate" in line for line in run.said)
    assert all(progress.stage == "" for progress in run.shown)
    assert run.said[-1].startswith("epoch 1/1 done")


def test_a_stage_that_ended_early_moves_the_next_one_forward() -> None:
    stages = stages_done(tiny("epochs=10", "full_epochs=40"), [7], 20)
    assert [(stage.name, stage.start, stage.end, last) for stage, last in stages] == [
        (VALIDATE, 0, 10, 7),
        (FULL, 7, 47, 20),
    ]
