"""What a run amounts to: its best weights tested, judged against the controls, in words and as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from trainer.analysis.predictions import StoredPredictions
from trainer.checkpoint import BEST, read_checkpoint
from trainer.data.source import ClipSource
from trainer.gate import judge_bar
from trainer.machine import cpu_name
from trainer.metrics import Predictions
from trainer.problem import Tested
from trainer.stages import FULL, stages_done
from trainer.tasks import Tasks
from trainer.words import figure
from wire.gate import HELD
from wire.records import RunSummary

if TYPE_CHECKING:
    from trainer.session import Session

CURVES_NAME = "training_curves.png"
TINY_LOSS = 1e-6
FEW = 4
NO_POSITIONS = "no forecast figures: the data has no positions"


def load_best(session: Session) -> str:
    """Put the best weights into the model; return a flag if they are not there (a full disk), else ''."""
    path = session.checkpoints.folder / BEST
    if not path.exists():
        return "best checkpoint was not written: the last weights were tested"
    session.model.load_state_dict(read_checkpoint(path)["model"])
    return ""


def summarise(session: Session, tested: Tested, note: str = "") -> RunSummary:
    """Return the record that every comparison reads."""
    figures, flags = tested.metrics, tested.flags
    gate = gate_record(session, figures)
    notes = [*([note] if note else []), *tested.notes, *stage_notes(session, gate)]
    held = bool(gate) and not session.state.stage_ends
    return summary_of(
        session.model,
        attempt=session.reporter.attempt,
        verdict=HELD if held else "no skill" if "no skill" in flags else "completed",
        metrics={**figures, "val_loss": session.state.best_loss, "best_epoch": session.state.best_epoch},
        controls=tested.controls,
        flags=(*flags, *notes),
        train_s=session.state.train_s,
        epochs=session.state.epoch,
        gate=gate,
    )


def summary_of(model: nn.Module, **facts: Any) -> RunSummary:
    """Return the record of these facts and of the model's size."""
    parameters = list(model.parameters())
    size: dict[str, Any] = {
        "parameters": sum(one.numel() for one in parameters),
        "model_bytes": sum(one.numel() * one.element_size() for one in parameters),
    }
    return RunSummary(at_s=time.time(), **size, **facts)


def absent_notes(tasks: Tasks, source: ClipSource) -> list[str]:
    """Say which figures there are none of, and why."""
    if source.path is None:
        return [*replace(tasks, forecast=True).notes, NO_POSITIONS]
    return tasks.notes


def gate_record(session: Session, figures: dict[str, float]) -> dict[str, Any]:
    """Return the gate's verdict and, after `full`, how the figures of the test stand to the bar; {} without a gate."""
    state = session.state
    if session.stage.name != FULL:
        return state.gate
    bar = judge_bar(session.config, state.epoch, figures, state.best_loss, state.train_s)
    return {**state.gate, "bar": bar.to_json()}


def stage_notes(session: Session, gate: dict[str, Any]) -> list[str]:
    """Return what a reader must know of the stages: what ended early, who released, which bar was not met."""
    stages = stages_done(session.config, session.state.stage_ends, session.state.epoch)
    notes = [stage.early_line(last) for stage, last in stages if last < stage.end]
    if "released_by" in gate:
        notes.append(f"released by {gate['released_by']} though the gate was not passed: {'; '.join(gate['reasons'])}")
    if "bar" in gate and not gate["bar"]["passed"]:
        notes.append(f"below the bar of full: {'; '.join(gate['bar']['reasons'])}")
    return notes


def judge(figures: dict[str, float], majority: float, history: list[dict[str, float]]) -> tuple[str, ...]:
    """Return what a reader must know before believing the figures."""
    flags = []
    accuracy = figures.get("accuracy")
    if figures.get("skill", 1.0) <= 0 or (accuracy is not None and accuracy <= majority):
        flags.append("no skill")
    if accuracy in (0.0, 1.0):
        flags.append(f"investigate: accuracy is exactly {accuracy:.0f}")
    if any(epoch["train_loss"] < TINY_LOSS for epoch in history):
        flags.append(f"investigate: training loss under {TINY_LOSS:g}")
    return tuple(flags)


def verdict_line(summary: RunSummary) -> str:
    """Return the last line of a run."""
    values = {name: float(value) for name, value in summary.metrics.items() if value is not None}
    flags = "".join(f"; {flag}" for flag in summary.flags if flag != summary.verdict)
    reasons = f" ({'; '.join(summary.gate['reasons'])})" if summary.verdict == HELD else ""
    return f"{summary.verdict}{reasons}: test {figure_words(values)}{flags}"


def figure_words(values: Mapping[str, float]) -> str:
    """Return the figures of a test in one line, those of each task only if there are any; else the first few."""
    if "accuracy" not in values and "pred_mse" not in values:
        return ", ".join(f"{name} {figure(name, value)}" for name, value in list(values.items())[:FEW])
    parts, count = [], f"n {values['n']:.0f}"
    if "accuracy" in values:
        interval = f"{100 * values['accuracy_low']:.1f} to {100 * values['accuracy_high']:.1f}"
        parts.append(f"accuracy {100 * values['accuracy']:.1f} % ({interval}, {count})")
    if "pred_mse" in values:
        parts.append(f"pred_mse {figure('pred_mse', values['pred_mse'])}, skill {values['skill']:.2f}")
    return ", ".join(parts if "accuracy" in values else [*parts, count])


def confusion_of(predictions: Predictions) -> list[list[int]] | None:
    """Return the confusion matrix as JSON values; None where the classes are not trained."""
    return predictions.confusion.tolist() if predictions.tasks.classes else None


def validation_metrics(session: Session) -> dict[str, Any]:
    """Return the figures of the validation split after each epoch."""

    def of_validation(name: str) -> bool:
        return name not in ("step", "learning_rate") and not name.startswith("train_")

    history = [{name: row[name] for name in row if of_validation(name)} for row in session.state.history]
    return {"best_epoch": session.state.best_epoch, "history": history}


def stored_predictions(source: ClipSource, data_digest: str, predictions: Predictions) -> StoredPredictions:
    """Return what a comparison combines with others of the same clips, of a task that is not trained nothing."""
    digest = hashlib.sha256(data_digest.encode() + source.labels.tobytes() + source.scene.tobytes()).hexdigest()
    tasks = predictions.tasks
    known = source.path.astype(np.float32) if source.path is not None and tasks.forecast else None
    forecast = None if known is None else predictions.forecast.astype(np.float32)
    seen, path = (None, None) if known is None else (known[:, : source.frames], known[:, source.frames :])
    probabilities = predictions.probabilities if tasks.classes else None
    return StoredPredictions(digest, predictions.label, probabilities, forecast, path, seen)


def training_results(session: Session, summary: RunSummary, tested: Tested) -> dict[str, Any]:
    """Return everything about the run as JSON values."""
    stages = stages_done(session.config, session.state.stage_ends, session.state.epoch)
    return {
        "config": session.config.model_dump(),
        "summary": json.loads(summary.to_line()),
        "history": session.state.history,
        "tests": tested.tests,
        "data": session.problem.facts,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "cpu": cpu_name(),
        "commit": session.checkpoints.commit,
        "device": str(session.device),
        "threads": session.precision.setting.threads,
        "processes": session.ranks.world,
        "setting": asdict(session.precision.setting),
        "stages": [{"name": stage.name, "first_epoch": stage.start + 1, "last_epoch": last} for stage, last in stages],
        **tested.facts,
    }
