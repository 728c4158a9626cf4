"""It really learns: a short run on the easy tier, and the headline figures by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trainer.conftest import Command, Start


@pytest.mark.slow  # 6 s
@pytest.mark.usefixtures("plain")
def test_few_steps_of_a_narrow_network_on_the_easy_tier_rise_well_above_chance(
    command: Command, tmp_path: Path
) -> None:
    size = ("clips=400", "epochs=4", "batch_size=8", "width=0.06", "learning_rate=0.006")
    data = ("tier=easy", "train_noise=tier", "noise=bank", "shifted_tests=false")
    code, said = command("run", "--config", "keypoint", *size, *data, "--out", "run")
    assert code == 0, said
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    history = json.loads((tmp_path / "run" / "artifacts" / "training_results.json").read_text())["history"]
    assert result["metrics"]["accuracy_low"] > 0.35 > result["controls"]["majority"]["accuracy"]
    assert result["metrics"]["pred_mse"] < result["controls"]["class_mean"]["pred_mse"]
    assert history[-1]["val_loss"] < 0.7 * history[0]["val_loss"]


@pytest.mark.slow
def test_the_default_experiment_reaches_its_figures(start: Start, tmp_path: Path) -> None:
    """docs/results.md; minutes on one thread."""
    process = start("run", "--config", "keypoint", "--out", "run")
    output, _ = process.communicate(timeout=1500)
    assert process.returncode == 0, output.decode()
    metrics = json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]
    assert metrics["accuracy"] > 0.94 and metrics["pred_mse"] < 0.035 and metrics["skill"] > 0.6
