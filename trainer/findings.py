"""What a trained model makes of some clips, in the shape of a run's results: `analyze` and `compare` read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.analysis.predictions import PREDICTIONS_NAME, StoredPredictions
from trainer.analysis.results import EVALUATION_NAME, results_of
from trainer.analysis.writing import write_report
from trainer.controls import compute_controls
from trainer.data.batches import make_batches
from trainer.data.places import ALL, Clips, open_clips, trained_content
from trainer.errors import TrainerError
from trainer.evaluate import evaluate
from trainer.metrics import Predictions
from trainer.results import absent_notes, confusion_of, judge, stored_predictions, summary_of
from trainer.trained import Trained, require_fit
from wire.records import RunSummary
from wire.run_dir import replace_file


@dataclass(frozen=True)
class Findings:
    """Figures of a model on clips, and what they were computed from."""

    content: dict[str, Any]
    """As `training_results.json` has it, without a history; `evaluated` says what was evaluated on what."""
    summary: RunSummary
    stored: StoredPredictions

    def write(self, folder: Path) -> None:
        """Write evaluation.json, the predictions, and their analysis with its pictures. Raises `TrainerError`."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.stored.write(folder / PREDICTIONS_NAME)
            path = folder / EVALUATION_NAME
            replace_file(str(path), json.dumps(self.content, indent=1, allow_nan=False).encode() + b"\n")
            write_report(results_of(path, self.content), folder)
        except OSError as exc:
            raise TrainerError(f"cannot write into {folder}: {exc.strerror}", hint="name a folder with --out") from exc


def examine(trained: Trained, place: str, split: str, on_batch: Callable[[int, int], None]) -> Findings:
    """Evaluate a model on the clips of a place (see `trainer.data.places.open_clips`), as a run tests itself."""
    clips = open_clips(place, split, trained.config, lambda: on_batch(0, 0))
    require_fit(trained, clips.source, place)
    controls = compute_controls(clips.train, clips.source)
    batches = make_batches(trained.config, clips.source, trained.device)
    predictions = evaluate(trained.model, batches, trained.device, on_batch)
    figures = predictions.metrics(controls.best_mse)
    flags = [*judge(figures, controls.majority_accuracy, []), *seen_in_training(trained, clips)]
    flags += absent_notes(predictions.tasks, clips.source)
    if clips.source.size_px != trained.size_px:
        flags.append(f"trained on pictures of {trained.size_px} px, evaluated on {clips.source.size_px} px")
    summary = summary_of(
        trained.model,
        attempt="",
        verdict="no skill" if "no skill" in flags else "evaluated",
        metrics=figures,
        controls=controls.table(),
        flags=tuple(flags),
        train_s=trained.train_s,
        epochs=trained.epoch,
    )
    return Findings(
        content=_content(trained, place, clips, summary, predictions),
        summary=summary,
        stored=stored_predictions(clips.source, clips.digest, predictions),
    )


def _content(
    trained: Trained, place: str, clips: Clips, summary: RunSummary, predictions: Predictions
) -> dict[str, Any]:
    return {
        "config": trained.config.model_dump(),
        "summary": json.loads(summary.to_line()),
        "confusion_matrix": confusion_of(predictions),
        "class_names": list(trained.class_names),
        "data": dict(clips.facts),
        "commit": trained.commit,
        "device": str(trained.device),
        "evaluated": {"checkpoint": str(trained.path), "epoch": trained.epoch, "on": place, "part": clips.part},
    }


def seen_in_training(trained: Trained, clips: Clips) -> list[str]:
    """Say how many of the clips the model was trained on, as far as that can be told."""
    if not len(clips.content):
        seen = clips.digest == trained.digest and clips.part in ("train", ALL)
        return ["investigate: the model was trained on some of these clips"] if seen else []
    count = int(np.isin(clips.content, trained_content(trained.config, trained.digest)).sum())
    return [f"investigate: the model was trained on {count} of these {len(clips.source)} clips"] if count else []
