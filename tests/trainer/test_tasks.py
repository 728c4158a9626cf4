"""A task of weight 0 is off: nothing trains it, nothing judges it, and no figure speaks of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.trainer.sessions import Run, tiny
from trainer.analysis.reading import read_results
from trainer.gate import judge_gate
from trainer.losses import compute_loss
from trainer.tasks import BOTH, Tasks

OFF = {
    "w_class": ("classify", "the classes are not trained (w_class is 0)", ("accuracy", "recall", "class")),
    "w_pred": ("predict", "the forecast is not trained (w_pred is 0)", ("mse", "skill", "mae", "pred")),
}
OPEN = ("gate.accuracy=>= 0", "gate.pred_mse=>= 0", "gate.skill=> -99")


def test_the_loss_of_a_task_that_is_off_is_not_computed() -> None:
    outputs = {"classification": torch.full((2, 4), torch.nan), "forecast": torch.zeros(2, 5, 3)}
    outputs["prediction"] = outputs["forecast"][:, -1]
    targets = {"class_label": torch.tensor([0, 1]), "future_path": torch.ones(2, 5, 3)}
    targets["future_position"] = targets["future_path"][:, -1]
    assert [float(loss) for loss in compute_loss(outputs, targets, 0.0, 2.0)] == [2.0, 0.0, 1.0]
    outputs = {"classification": torch.zeros(2, 4), "prediction": torch.full((2, 3), torch.nan)}
    total, class_loss, pred_loss = compute_loss(outputs, targets, 1.0, 0.0)
    assert float(total) == float(class_loss) > 0 and float(pred_loss) == 0


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("off", OFF)
def test_a_run_with_one_task(off: str, tmp_path: Path) -> None:
    """Its other head is of NaN: whatever it touched would be too."""
    head, words, figures = OFF[off]
    run = Run(tmp_path, tiny("epochs=1", "full_epochs=1", *OPEN, f"{off}=0"))
    weight = getattr(run.session.model, head).weight
    weight.data.fill_(torch.nan)
    summary = run.to_the_end()
    assert run.session.state.gate["passed"] and weight.isnan().all()
    skipped = [check["words"] for check in run.session.state.gate["conditions"] if check["passed"] is None]
    assert any(said.endswith(f"does not apply: {words}") for said in skipped)
    assert words in summary.flags
    told = [*summary.metrics, *run.session.state.history[0]]
    assert not [name for name in told if any(figure in name for figure in figures)] and "n" in told
    results = json.loads((tmp_path / "artifacts" / "training_results.json").read_text())
    assert (results["confusion_matrix"] is None) is (off == "w_class")
    report = (tmp_path / "artifacts" / "analysis_report.md").read_text()
    assert f"**{words}**" in report and report.count("| not trained |") == (2 if off == "w_class" else 5)
    assert read_results(tmp_path).notes == ()


def test_a_weight_that_a_file_does_not_name_is_not_0() -> None:
    assert Tasks.of({}) == BOTH and Tasks.of({"w_pred": 0.0}) == Tasks(forecast=False)


def test_a_gates_figures_are_each_of_one_task_or_of_none() -> None:
    figures = ("accuracy", "pred_mse", "skill", "val_loss", "hours")
    assert [name for name in figures if Tasks(forecast=False).untrained(name)] == ["pred_mse", "skill"]
    assert [name for name in figures if Tasks(classes=False).untrained(name)] == ["accuracy"]


def test_the_bar_of_the_one_task_stands_for_both_where_nothing_improves() -> None:
    rows = [{"val_loss": loss, "val_accuracy": 0.95} for loss in (1.0, 1.0, 1.1, 1.1)]
    verdict = judge_gate(tiny("w_pred=0"), rows, 0)
    assert verdict.passed and "but the bar of full is met already" in verdict.checks[-1].words
