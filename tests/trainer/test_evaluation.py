"""`trainer evaluate`: the same figures as the run's own test, and clear words for what cannot be evaluated."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.video import render
from tests.trainer.folders import RECIPE, write_folder
from tests.trainer.sessions import TINY, Run, tiny
from trainer.__main__ import main
from trainer.analysis.predictions import PREDICTIONS_NAME, read_predictions
from trainer.analysis.reading import read_results
from trainer.checkpoint import read_checkpoint
from trainer.config import load_config
from trainer.data.batches import Batches
from trainer.data.dataset import Wanted, write_dataset
from trainer.data.source import RecipeSource
from trainer.durable import write_durably
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.findings import Findings, examine
from trainer.models.tokenizer.shape import shape_for
from trainer.models.tokenizer.tokenizer import Tokenizer, tokenizer_content
from trainer.timing import time_inference
from trainer.trained import Trained, load_trained

ARTIFACTS = {  # what a finished run leaves beside its data
    "training_results.json", "validation_metrics.json", "final_metrics.json", "training_curves.png",
    "forecasting_curves.png", "predicted_paths.png", "confusion_matrix.png", "metrics_summary.png",
    "learning_rate.png", "generalization_gap.png", "analysis_report.md",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished")
    Run(folder, tiny("epochs=1", "shifted_tests=true")).to_the_end()
    return folder


def on(place: str | Path, trained: Trained | Path, split: str = "test") -> Findings:
    """Evaluate, here."""
    model = trained if isinstance(trained, Trained) else load_trained(str(trained))
    return examine(model, str(place), split, lambda done, total: None)


def artifact(folder: Path, name: str) -> dict[str, object]:
    return json.loads((folder / "artifacts" / name).read_text())  # type: ignore[no-any-return]


def test_a_finished_run_has_every_artifact(finished: Path) -> None:
    assert {path.name for path in (finished / "artifacts").iterdir()} >= ARTIFACTS
    results, final = artifact(finished, "training_results.json"), artifact(finished, "final_metrics.json")
    assert final["metrics"] == results["summary"]["metrics"] and final["tests"] == results["tests"]  # type: ignore[index]
    assert artifact(finished, "validation_metrics.json")["best_epoch"] == 1
    one = read_results(finished)
    assert one.inference_ms and one.inference_batch_ms and not one.notes


def test_its_own_test_gives_its_own_figures(finished: Path) -> None:
    one, held_out = on("medium", finished), on("medium/noisy", finished)
    results = artifact(finished, "training_results.json")
    summary, noisy = results["summary"], results["tests"]["noisy"]  # type: ignore[index]
    for found, metrics, controls in (
        (one, summary["metrics"], summary["controls"]),
        (held_out, noisy["metrics"], noisy["controls"]),
    ):
        assert found.content["summary"]["metrics"].items() <= metrics.items()
        assert found.content["summary"]["controls"] == controls
    assert one.stored.digest == read_predictions(finished / "artifacts" / PREDICTIONS_NAME).digest
    assert one.content["confusion_matrix"] == results["confusion_matrix"]
    assert on(finished / "artifacts" / "data" / "noisy", finished).summary.metrics == held_out.summary.metrics


def test_the_losses_are_means_over_clips_whatever_the_batches(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.data.batches.EVALUATION_BATCH", 12)  # of 28 clips: 12, 12 and 4
    every = on("medium", finished, "all")
    metrics, stored = every.content["summary"]["metrics"], every.stored
    assert stored.probabilities is not None and len(stored.label) == 28
    right = stored.probabilities[np.arange(len(stored.label)), stored.label]
    assert metrics["class_loss"] == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert metrics["pred_loss"] == pytest.approx(np.mean([metrics[f"mse_t{step}"] for step in range(1, 6)]), rel=1e-4)


def test_clips_of_the_training_are_flagged(finished: Path) -> None:
    trained = load_trained(str(finished))
    flags = on("medium", trained, "all").summary.flags
    assert "investigate: the model was trained on 20 of these 28 clips" in flags
    assert not any(flag.startswith("investigate: the model") for flag in on("medium", trained).summary.flags)


def test_the_verb_writes_what_others_read(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["evaluate", str(finished), "--on", "easy", "--split", "validation", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "on easy, validation" in said and "recall" in said and "constant velocity" in said
    one = read_results(tmp_path)
    assert one.metrics["n"] == 4 and one.tests == {} and not one.notes and one.name == tmp_path.name
    assert {"analysis_report.md", "predicted_paths.png"} <= {path.name for path in tmp_path.iterdir()}
    assert main(["evaluate", str(finished), "--on", "easy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluated"]["on"] == "easy"


@pytest.mark.slow  # 3 s
def test_videos_of_others_and_their_limits(tmp_path: Path) -> None:
    """Trained on a folder of videos, evaluated on it and on what it cannot take."""
    data = write_folder(tmp_path / "videos")
    Run(tmp_path / "run", tiny("epochs=1", f"data={data}", "clips=null")).trainer.fit()
    trained = load_trained(str(tmp_path / "run"))
    assert on(data, trained).content["summary"]["metrics"]["n"] > 0
    assert "the model was trained on some" in "".join(on(data, trained, "train").summary.flags)
    pixels = render(RECIPE)
    short = write_folder(tmp_path / "short", pixels[:, :12].copy(), trajectory_3d=None)
    with pytest.raises(DataError, match=r"clips of 12 frames, and .*best.pt was trained on 16"):
        on(short, trained)
    other = write_folder(tmp_path / "other", class_names=["a", "b", "c", "d"])
    with pytest.raises(DataError, match=r"has the classes a, b, c, d, and .* linear, circular, helical, parabolic"):
        on(other, trained)
    assert "trained on pictures of 32 px, evaluated on 64 px" in on("easy", trained).summary.flags
    unplaced = write_folder(tmp_path / "unplaced", trajectory_3d=None)
    assert "no forecast figures: the data has no positions" in on(unplaced, trained).summary.flags
    for place, words in (("mediun", "did you mean 'medium'"), ("medium/noise", "did you mean 'noisy'")):
        with pytest.raises(ConfigError, match=words):
            on(place, trained)
    with pytest.raises(ConfigError, match="'noisy' has no split 'train'"):
        on("easy/noisy", trained, "train")


def test_data_of_another_kind_is_refused(finished: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path, Wanted("persistence", "easy", 80, 0, 25))
    with pytest.raises(DataError, match="25 frames"):
        on(tmp_path, finished)


def test_what_is_no_checkpoint_is_said(finished: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    best = finished / "checkpoints" / "best.pt"
    (tmp_path / "cut.pt").write_bytes(best.read_bytes()[:5000])
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    torch.save({"weights": Evil()}, tmp_path / "evil.pt")
    torch.save({"weights": torch.ones(2)}, tmp_path / "other.pt")
    for name, words in {
        "cut.pt": "cannot be read: it is no checkpoint, or was cut short",
        "evil.pkl": "which could run code",
        "evil.pt": "which could run code",
        "other.pt": "not a checkpoint of a run",
        "gone.pt": "does not exist",
        "": "holds no checkpoints/best.pt",
    }.items():
        with pytest.raises(CheckpointError, match=words):
            load_trained(str(tmp_path / name))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"identity": {"width": 0.1}}, "holds another network than transformer is here"),
        ({"identity": {"extractor": "gone"}}, "its config is of another version: extractor"),
        ({"version": 99}, "is of version 99"),
        ({"clips": {}}, "holds no model of `trainer run`"),
    ],
)
def test_a_checkpoint_of_something_else_is_said(
    finished: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    content = read_checkpoint(finished / "checkpoints" / "best.pt")
    identity = content["identity"] | change.pop("identity", {})
    content = {**content, "identity": identity, **change}
    write_durably(tmp_path / "changed.pt", lambda file: torch.save(content, file))
    with pytest.raises(CheckpointError, match=words):
        load_trained(str(tmp_path / "changed.pt"))


@pytest.mark.slow  # 2 s
def test_a_checkpoint_needs_no_tokenizer_that_training_started_from(tmp_path: Path) -> None:
    pytest.importorskip("vector_quantize_pytorch", reason="the magvit extractor needs vector-quantize-pytorch")
    file, folder = tmp_path / "tokenizer.pt", tmp_path / "run"
    torch.save(tokenizer_content(Tokenizer(shape_for(1 / 32, patch_px=4)), {}), file)
    # The width is that of what follows: the tokenizer's own is in its file alone.
    config = load_config("magvit", [*TINY, "width=0.5", "epochs=2", f"tokenizer={file}", "freeze=true"])
    run = Run(folder, config)
    run.die_after_epoch()
    weight = next(iter(run.session.model.extractor.parameters())).clone()
    file.unlink()
    assert torch.equal(next(iter(load_trained(str(folder)).model.extractor.parameters())), weight)
    again = Run(folder, config).session
    assert again.state.epoch == 1 and torch.equal(next(iter(again.model.extractor.parameters())), weight)


def test_inference_is_measured_without_a_trace(finished: Path) -> None:
    trained = load_trained(str(finished))
    batches = Batches(RecipeSource(RECIPE), 8, 0, shuffle=False)
    before = torch.get_num_threads()
    seen: list[tuple[int, int]] = []
    trained.model.extractor.register_forward_pre_hook(
        lambda _, given: seen.append((len(given[0]), torch.get_num_threads()))
    )
    found = time_inference(trained.model, batches, trained.device)
    assert found.ms > 0 and found.batch_ms > 0 and found.device == "cpu" and torch.get_num_threads() == before
    assert {count for count, _ in seen} == {1, found.batch} and {threads for _, threads in seen} == {1}
