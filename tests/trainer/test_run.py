"""The command as people and the control plane call it: what a run leaves, and what it survives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.trainer.conftest import Command, Start, finish
from trainer.analysis.predictions import read_predictions
from wire.records import MetricPoint, Progress, RunSummary

WORDS = ("run", "--config", "keypoint", "width=0.25", "clips=28", "epochs=2", "shifted_tests=false")
PICTURES = (
    "training_curves.png",
    "forecasting_curves.png",
    "confusion_matrix.png",
    "metrics_summary.png",
    "learning_rate.png",
    "generalization_gap.png",
)


def test_a_run_alone_leaves_everything(start: Start, tmp_path: Path) -> None:
    code, said = finish(start(*WORDS, PYTHONPROFILEIMPORTTIME="1"))
    assert code == 0, said
    assert re.search(r"\| +torch$", said, re.M) and "torch._dynamo" not in said, "seconds of every start"
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("keypoint-") and str(folder) in said
    assert re.search(r"^\d\d:\d\d:\d\d epoch 2/2 done train_loss", said, re.M) and "test accuracy" in said

    progress = Progress.from_bytes((folder / "progress.json").read_bytes())
    assert (progress.phase, progress.epoch, progress.step, progress.total_steps) == ("done", 2, 4, 4)
    assert progress.eta_s == 0 and progress.samples_done == progress.samples_total == 40
    points = [MetricPoint.from_bytes(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]
    assert [point.epoch for point in points] == [1, 2]
    assert {"train_loss", "val_loss", "val_accuracy", "pred_mse", "skill", "learning_rate"} <= set(points[-1].values)
    result = RunSummary.from_bytes((folder / "result.json").read_bytes())
    assert set(result.controls) == {"hold_last", "constant_velocity", "class_mean", "majority"}
    assert result.verdict == "no skill" and "no skill" in result.flags and result.metrics["n"] == 4
    assert result.parameters > 1000 and result.model_bytes == 4 * result.parameters and result.train_s > 0

    results = json.loads((folder / "artifacts" / "training_results.json").read_text())
    assert len(results["history"]) == 2 and sum(map(sum, results["confusion_matrix"])) == 4
    predictions = read_predictions(folder / "artifacts" / "test_predictions.npz")
    assert predictions.probabilities is not None and predictions.probabilities.shape == (4, 4)
    assert (predictions.probabilities.argmax(axis=1) == predictions.label).mean() == result.metrics["accuracy"]
    assert "**no skill**" in (folder / "artifacts" / "analysis_report.md").read_text()
    for name in PICTURES:
        assert (folder / "artifacts" / name).read_bytes().startswith(b"\x89PNG")
    checkpoints = {path.name for path in (folder / "checkpoints").iterdir()}
    assert checkpoints == {"last.pt", "best.pt", "checkpoint_epoch_2.pt"}
    assert "[####" in (folder / "PROGRESS.txt").read_text()
    assert len((folder / "HEARTBEAT.txt").read_text().splitlines()) >= 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))


@pytest.mark.usefixtures("plain")
def test_under_a_supervisor_the_run_directory_is_given_and_last_pt_is_taken_up(
    command: Command, tmp_path: Path
) -> None:
    given = {"TRAJVID_RUN_DIR": str(tmp_path / "given"), "TRAJVID_ATTEMPT": "given.1"}
    code, said = command(*WORDS, **given)
    assert code == 0, said
    first = (tmp_path / "given" / "metrics.jsonl").read_text()
    assert not (tmp_path / "given" / "HEARTBEAT.txt").exists(), "the supervisor beats"
    code, said = command(*WORDS, **given | {"TRAJVID_ATTEMPT": "given.2"})
    assert code == 0, said
    assert (tmp_path / "given" / "metrics.jsonl").read_text() == first, "nothing was left to train"
    assert json.loads((tmp_path / "given" / "result.json").read_text())["attempt"] == "given.2"


@pytest.mark.usefixtures("plain")
def test_a_config_in_the_folder_goes_before_a_bundled_one(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extractor: transformer\nwidth: 0.05\nclips: 28\nepochs: 1\nshifted_tests: false\n"
    )
    code, said = command("run", "--config", "mine.yaml", "--out", "out")
    assert code == 0, said
    assert json.loads((tmp_path / "out/artifacts/training_results.json").read_text())["config"]["width"] == 0.05


def test_telemetry_that_cannot_be_written_does_not_end_the_run(command: Command, tmp_path: Path) -> None:
    """Every file of the reporter is blocked by a folder of its name, as a full disk would block it."""
    folder = tmp_path / "run"
    for name in ("progress.json", "metrics.jsonl", "PROGRESS.txt", "result.json", "artifacts/training_curves.png"):
        (folder / name).mkdir(parents=True)
    code, said = command(*WORDS, "--out", "run")
    assert code == 0, said
    assert said.count("WARNING cannot write progress.json") == 1 and "Traceback" not in said
    assert (folder / "checkpoints" / "best.pt").exists()


@pytest.mark.usefixtures("plain")
def test_checkpoints_that_do_not_fit_are_survived(command: Command, tmp_path: Path) -> None:
    """A limit on the size of a file fails the checkpoints in the middle of their writing."""
    import resource

    words = ("run", "--config", "keypoint", "clips=28", "epochs=2", "shifted_tests=false", "--out", "run")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        code, said = command(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 0, said
    assert "WARNING cannot write last.pt" in said and "Traceback" not in said
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert "best checkpoint was not written: the last weights were tested" in result["flags"]
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == [], "no half-written file is left"


def test_a_diverging_run_says_so_and_fails(command: Command) -> None:
    code, said = command(*WORDS, "learning_rate=1", "w_pred=1e38", "warmup=0", "clip_norm=1e30", "epochs=50")
    assert code == 1 and "training has diverged" in said and "lower learning_rate" in said and "Traceback" not in said


def test_a_device_that_is_not_there_is_a_clear_error(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, said = command(*WORDS, "device=cuda", "--out", "run")
    assert code == 2 and "device cannot be 'cuda'" in said and "Traceback" not in said
    assert (tmp_path / "run" / "PROGRESS.txt").read_text().startswith("failed: device cannot be 'cuda'")
