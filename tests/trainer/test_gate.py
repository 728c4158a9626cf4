"""The gate: every condition with value, limit and words; held runs end, and only a release takes them further."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trainer.sessions import EPOCH, Run, tiny, values
from trainer.config import TrainConfig, load_config
from trainer.errors import ConfigError
from trainer.gate import judge_bar, judge_gate
from wire.records import GateDecision, RunSummary
from wire.run_dir import RunDir

FALLING = (2.0, 1.5, 1.0, 0.9)
GOOD = {"val_accuracy": 0.8, "pred_mse": 0.06, "skill": 0.3}


def history(losses: tuple[float, ...] = FALLING, **newest: float) -> list[dict[str, float]]:
    rows = [{"val_loss": loss, **GOOD} for loss in losses]
    rows[-1] |= newest
    return rows


def test_a_good_run_passes_with_every_condition_named() -> None:
    verdict = judge_gate(TrainConfig(), history(), 1800.0)
    assert verdict.passed and verdict.reasons == () and verdict.epoch == 4
    assert [(check.metric, check.limit, check.passed) for check in verdict.checks] == [
        ("accuracy", "> 70.0 %", True),
        ("pred_mse", "< 0.1", True),
        ("skill", "> 0", True),
        ("hours", "< 2", True),
        ("improving", "validation loss falls", True),
    ]
    assert verdict.checks[3].value == 0.5
    assert json.loads(json.dumps(verdict.to_json()))["conditions"][0]["value"] == 0.8


@pytest.mark.parametrize(
    ("newest", "hours", "reason"),
    [
        ({"val_accuracy": 0.7}, 1, "accuracy 70.0 % is not > 70.0 %"),
        ({"pred_mse": 0.25}, 1, "pred_mse 0.25 is not < 0.1"),
        ({"skill": 0.0}, 1, "skill 0 is not > 0"),
        ({"skill": float("nan")}, 1, "skill nan is not > 0"),
        ({}, 2.5, "hours 2.5 is not < 2"),
        ({"val_loss": 9.0}, 1, "validation loss does not fall any more: 5 in epochs 3 and 4, 1.75 in the two before"),
    ],
)
def test_each_condition_alone_holds_the_run(newest: dict[str, float], hours: float, reason: str) -> None:
    verdict = judge_gate(TrainConfig(), history(**newest), hours * 3600)
    assert not verdict.passed and verdict.reasons == (reason,)


def test_what_no_longer_improves_passes_above_the_bar_of_full() -> None:
    worse = (1.0, 1.0, 1.1, 1.1)
    assert not judge_gate(TrainConfig(), history(worse), 0).passed
    verdict = judge_gate(TrainConfig(), history(worse, val_accuracy=0.95, pred_mse=0.01), 0)
    assert verdict.passed and "but the bar of full is met already" in verdict.checks[-1].words
    assert judge_gate(TrainConfig(gate_improving=False), history(worse), 0).passed


def test_what_does_not_apply_is_said_and_never_counts_as_passed() -> None:
    rows: list[dict[str, float]] = [{"val_loss": loss, "val_accuracy": 0.8} for loss in FALLING]
    verdict = judge_gate(TrainConfig(), rows, 0)
    skipped = [check for check in verdict.checks if check.passed is None]
    assert verdict.passed and [check.metric for check in skipped] == ["pred_mse", "skill"]
    assert skipped[0].words == "pred_mse < 0.1 does not apply: the data has no positions" and skipped[0].value is None
    alone = judge_gate(TrainConfig(gate={"skill": "> 0"}, gate_improving=False), rows, 0)
    assert not alone.passed and alone.reasons == ("no condition applies",)
    few = judge_gate(TrainConfig(), history(FALLING[:2]), 0)
    assert few.passed and few.checks[-1].words == "improving does not apply: 2 epochs are too few to tell"


def test_the_bar_judges_the_figures_of_the_test() -> None:
    verdict = judge_bar(TrainConfig(), 50, {"accuracy": 0.93, "pred_mse": 0.06}, 0.1, 60)
    assert not verdict.passed and verdict.reasons == ("pred_mse 0.06 is not < 0.05",)


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        (
            "epochs: 3\ngate:\n  acuracy: '> 1'\n",
            (),
            r"my.yaml:3: gate names the metric 'acuracy', which .*mean 'accuracy'\?",
        ),
        ("bar: {f1: '> 1'}\n", (), r"my.yaml:1: bar names the metric 'f1', which does not exist"),
        ("gate:\n  accuracy: 0.7\n", (), r"my.yaml:2: gate.accuracy cannot be 0.7"),
        ("gate: {accuracy: '> high'}\n", (), r"my.yaml:1: gate.accuracy cannot be '> high'"),
        ("gate:\n  skill: '> 0'\n  skill: '> 1'\n", (), r"my.yaml:3: key 'gate.skill' appears twice"),
        ("gate: 3\n", (), r"my.yaml:1: gate cannot be 3"),
        ("", ("gate.val_accuracy=>0.5",), r"'gate.val_accuracy=>0.5': gate names the metric.*mean 'accuracy'\?"),
        ("", ("gate.accuracy=0.5",), r"'gate.accuracy=0.5': gate.accuracy cannot be '0.5'"),
        ("", ("epochs.accuracy=> 1",), r"epochs has no parts"),
    ],
)
def test_a_wrong_gate_is_told_before_anything_is_trained(
    tmp_path: Path, text: str, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(str(tmp_path / "my.yaml"), words)


def test_a_word_changes_or_drops_one_condition(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("gate: {accuracy: '> 0.5', skill: '> 0'}\n")
    config = load_config(str(tmp_path / "my.yaml"), ["gate.accuracy=>.8", "gate.skill=", "bar.skill=>= .5"])
    assert config.gate == {"accuracy": ">.8"}
    assert config.bar == {"accuracy": "> 0.90", "pred_mse": "< 0.05", "skill": ">= .5"}


HOLDING = ("epochs=1", "full_epochs=1", "gate.accuracy=> 1")


@pytest.mark.usefixtures("plain")
def test_held_then_resumed_then_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(*HOLDING)
    held = Run(tmp_path, config).to_the_end()
    assert held.verdict == "held" and held.epochs == 1 and "accuracy" in held.metrics
    assert not held.gate["passed"] and any("is not > 100.0 %" in reason for reason in held.gate["reasons"])
    assert RunSummary.from_bytes((tmp_path / "result.json").read_bytes()).verdict == "held"
    results = json.loads((tmp_path / "artifacts" / "training_results.json").read_text())
    assert results["summary"]["gate"] == held.gate
    assert results["stages"] == [{"name": "validate", "first_epoch": 1, "last_epoch": 1}]
    trained = values(tmp_path)
    monkeypatch.setattr("trainer.finish.write_artifacts", lambda *_: None)

    resumed = Run(tmp_path, config)
    assert resumed.to_the_end().verdict == "held"
    assert any(line.startswith("held at the gate: ") for line in resumed.said)
    assert values(tmp_path) == trained and resumed.session.state.step == EPOCH, "nothing is trained again"

    decide(tmp_path, "retire")
    retired = Run(tmp_path, config)
    assert retired.to_the_end().verdict == "held" and any("retired by ada@laptop" in line for line in retired.said)

    decide(tmp_path, "release")
    released = Run(tmp_path, config)
    result = released.to_the_end()
    assert result.verdict in ("completed", "no skill") and result.epochs == 2
    assert (result.gate["passed"], result.gate["released_by"]) == (False, "ada@laptop")
    assert any(flag.startswith("released by ada@laptop") for flag in result.flags)
    assert any(flag.startswith("below the bar of full: accuracy") for flag in result.flags)
    assert values(tmp_path)[: len(trained)] == trained and len(values(tmp_path)) == 2 * len(trained)


def decide(folder: Path, decision: str) -> None:
    record = GateDecision(decision=decision, by="ada@laptop", at_s=1767225600.5, attempt="r.1")
    Path(RunDir(str(folder)).gate_decision).write_bytes(record.to_line())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"decision": "release"}', b'{"decision": "open", "by": "x"}'])
def test_a_file_that_is_no_decision_releases_nothing(tmp_path: Path, content: bytes) -> None:
    Path(RunDir(str(tmp_path)).gate_decision).write_bytes(content)
    run = Run(tmp_path, tiny(*HOLDING))
    run.session.state.history = history()
    assert not run.trainer.pass_gate()
