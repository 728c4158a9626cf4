"""`validate`, the gate, `full`, `evaluate`: one process does all, and a resumed one ends with the same bits."""

from __future__ import annotations

import json
import math
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.sessions import EPOCH, Run, assert_same_weights, tiny, values
from trainer import evaluate_stage
from trainer.checkpoint import read_checkpoint
from trainer.data.dataset import Wanted, write_dataset
from trainer.durable import write_durably
from trainer.errors import ConfigError, DataError, Interrupted
from trainer.evaluate_stage import check_further, evaluate_further
from trainer.findings import Findings
from trainer.schedule import learning_rate
from trainer.stages import FULL, VALIDATE, running_stage, stages_done
from trainer.trajectories_problem import trajectories_of
from trainer.words import message, page

OPEN = ("gate.accuracy=>= 0", "gate.pred_mse=", "gate.skill=", "gate.hours=")
WORDS = ("epochs=2", "full_epochs=3", "full_checkpoint_every_epochs=2", *OPEN)
CONFIG = tiny(*WORDS)
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


def make_older(path: Path) -> None:
    """Take out of a checkpoint what the first ones of its version did not have."""
    content = read_checkpoint(path)
    for key in ("then", "evaluate_on"):
        del content["identity"][key]
    del content["shapes"], content["rng_of_others"]
    write_durably(path, lambda file: torch.save(content, file))


@pytest.mark.usefixtures("plain")
def test_a_run_evaluates_itself_and_a_killed_one_goes_on_there(
    straight: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was trained before there was such a stage, and is resumed into it."""
    folder, data, gone = tmp_path / "run", tmp_path / "data", tmp_path / "gone"
    write_dataset(data, Wanted("trajectories", "easy", 28, 3))
    write_dataset(gone, Wanted("trajectories", "easy", 28, 4))
    shutil.copytree(straight.folder, folder)
    make_older(folder / "checkpoints" / "last.pt")
    config = tiny(*WORDS, "then=[evaluate]", f"evaluate_on=[{data}/noisy, easy, {gone}]")
    run, examined = Run(folder, config), []
    check_further(run.session)
    shutil.rmtree(gone)
    examine = evaluate_stage.examine

    def stopped(trained: Any, place: str, *more: Any) -> Findings:
        examined.append(place)
        if len(examined) == 2:
            run.stop.signal = signal.SIGTERM
        return examine(trained, place, *more)

    monkeypatch.setattr(evaluate_stage, "examine", stopped)
    with pytest.raises(Interrupted):
        run.to_the_end()
    kept = json.loads((folder / "artifacts" / "training_results.json").read_text())
    assert kept["tests"] == {} and "accuracy" in kept["summary"]["metrics"] and not (folder / "result.json").exists()

    run = Run(folder, config)
    summary = run.to_the_end()
    assert examined == [f"{data}/noisy", "easy", "easy", str(gone)], "the first one is not evaluated again"
    assert values(folder) == values(straight.folder), "nothing was trained"
    results = json.loads((folder / "artifacts" / "training_results.json").read_text())
    assert list(results["tests"]) == [f"{data}/noisy", "easy"] and "class_mean" in results["tests"]["easy"]["controls"]
    assert summary.tests == {name: one["metrics"] for name, one in results["tests"].items()}
    assert json.loads((folder / "result.json").read_text())["tests"] == summary.tests
    assert any(flag.startswith(f"not evaluated on {gone}: no data set") for flag in summary.flags)
    shutil.rmtree(data)
    write_dataset(data, Wanted("trajectories", "easy", 28, 5))
    examined.clear()
    evaluate_further(run.session, {"tests": {}})
    assert examined == [f"{data}/noisy", str(gone)], "other clips under the same name"
    run.session.state.train_s, run.stop.signal = run.session.state.train_s + 1, None
    examined[:] = [""] * 2
    evaluate_further(run.session, {"tests": {}})
    assert examined[2:] == [f"{data}/noisy", "easy", str(gone)], "it was trained on since then"
    stage = [progress for progress in run.shown if progress.stage == "evaluate"]
    assert stage[0].phase == "evaluate" and stage[0].message == f"evaluate 1 of 3: {data}/noisy"
    assert [progress.phase for progress in stage if progress.phase != "evaluate"] == ["done"]


@pytest.mark.usefixtures("plain")
def test_a_run_that_is_held_evaluates_nothing_further(tmp_path: Path) -> None:
    run = Run(tmp_path, tiny("epochs=1", "full_epochs=1", "gate.accuracy=> 1", "then=[evaluate]", "evaluate_on=[easy]"))
    assert run.to_the_end().tests == {} and run.said[-1].startswith("held (")


def test_what_cannot_be_evaluated_on_is_told_before_anything_is_trained(straight: Run, tmp_path: Path) -> None:
    write_dataset(tmp_path, Wanted("persistence", "easy", 80, 0, 25))
    straight.session.problem.tests["noisy"] = trajectories_of(straight.session).data.test
    for place, error, words in (
        ("mediun", ConfigError, "did you mean 'medium'"),
        ("noisy", ConfigError, "a held-out test of the run itself"),
        (str(tmp_path), DataError, "25 frames"),
    ):
        straight.session.config = CONFIG.model_copy(update={"then": ["evaluate"], "evaluate_on": [place]})
        with pytest.raises(error, match=words):
            check_further(straight.session)
    straight.session.config = CONFIG
    del straight.session.problem.tests["noisy"]
