"""The end of a run: test the best weights, judge them against the controls, leave figures and pictures."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer import plots
from trainer.checkpoint import BEST, read_checkpoint
from trainer.evaluate import evaluate
from trainer.metrics import Predictions, confusion_matrix
from trainer.session import Session
from wire.records import RunSummary
from wire.run_dir import replace_file
from wire.state import Phase

CURVES_NAME = "training_curves.png"
TINY_LOSS = 1e-6


def finish(session: Session) -> RunSummary:
    """Evaluate on the test split, write result.json, training_results.json and the pictures; return the summary."""
    session.reporter.update(force=True, phase=Phase.EVALUATE.value, message="testing the best checkpoint")
    note = load_best(session)

    def on_batch(done: int, total: int) -> None:
        session.reporter.update()
        session.stop.check()

    predictions = evaluate(session.model, session.test, session.device, on_batch)
    figures = predictions.metrics(session.test_controls.best_mse)
    summary = summarise(session, figures, note)
    write_artifacts(session, predictions, summary)
    session.reporter.write_result(summary)
    session.reporter.update(
        force=True,
        phase=Phase.DONE.value,
        eta_s=0.0,
        metrics={"accuracy": figures["accuracy"], "pred_mse": figures["pred_mse"], "skill": figures["skill"]},
        message=verdict_line(summary),
    )
    return summary


def load_best(session: Session) -> str:
    """Put the best weights into the model; return a flag if they are not there (a full disk), else ''."""
    path = session.checkpoints.folder / BEST
    if not path.exists():
        return "best checkpoint was not written: the last weights were tested"
    session.model.load_state_dict(read_checkpoint(path)["model"])
    return ""


def summarise(session: Session, figures: dict[str, float], note: str = "") -> RunSummary:
    """Return the record that every comparison reads."""
    flags = judge(figures, session.test_controls.majority_accuracy, session.state.history)
    parameters = list(session.model.parameters())
    return RunSummary(
        attempt=session.reporter.attempt,
        at_s=time.time(),
        verdict="no skill" if "no skill" in flags else "completed",
        metrics={**figures, "val_loss": session.state.best_loss, "best_epoch": session.state.best_epoch},
        controls=session.test_controls.table(),
        flags=(*flags, *([note] if note else [])),
        train_s=session.state.train_s,
        epochs=session.state.epoch,
        parameters=sum(one.numel() for one in parameters),
        model_bytes=sum(one.numel() * one.element_size() for one in parameters),
    )


def judge(figures: dict[str, float], majority: float, history: list[dict[str, float]]) -> tuple[str, ...]:
    """Return what a reader must know before believing the figures."""
    flags = []
    if figures["skill"] <= 0 or figures["accuracy"] <= majority:
        flags.append("no skill")
    if figures["accuracy"] in (0.0, 1.0):
        flags.append(f"investigate: accuracy is exactly {figures['accuracy']:.0f}")
    if any(epoch["train_loss"] < TINY_LOSS for epoch in history):
        flags.append(f"investigate: training loss under {TINY_LOSS:g}")
    return tuple(flags)


def verdict_line(summary: RunSummary) -> str:
    """Return the last line of a run."""
    values = {name: float(value) for name, value in summary.metrics.items() if value is not None}
    interval = f"{100 * values['accuracy_low']:.1f} to {100 * values['accuracy_high']:.1f}"
    flags = "".join(f"; {flag}" for flag in summary.flags if flag != summary.verdict)
    return (
        f"{summary.verdict}: test accuracy {100 * values['accuracy']:.1f} % ({interval}, n {values['n']:.0f}), "
        f"pred_mse {values['pred_mse']:.4f}, skill {values['skill']:.2f}{flags}"
    )


def write_artifacts(session: Session, predictions: Predictions, summary: RunSummary) -> None:
    """Write training_results.json and the pictures into artifacts/."""
    folder = Path(session.run.artifacts)
    confusion = confusion_matrix(predictions.label, predictions.guess)
    results = training_results(session, summary, confusion)
    text = json.dumps(results, indent=1, allow_nan=False).encode() + b"\n"
    guard = session.reporter.guard
    guard("training_results.json", lambda: replace_file(str(folder / "training_results.json"), text))
    guard(CURVES_NAME, lambda: draw_curves(session))
    guard(
        "forecasting_curves.png",
        lambda: plots.forecasting_curves(folder / "forecasting_curves.png", summary.metrics, summary.controls),
    )
    guard("confusion_matrix.png", lambda: plots.confusion(folder / "confusion_matrix.png", confusion))


def draw_curves(session: Session) -> None:
    """Draw training_curves.png from the history so far."""
    controls = {
        name: float(row["pred_mse"]) for name, row in session.validation_controls.table().items() if "pred_mse" in row
    }
    path = Path(session.run.artifacts) / CURVES_NAME
    title = f"{session.config.extractor} on {session.config.tier}, {session.config.clips} clips"
    plots.training_curves(path, session.state.history, controls, title)


def training_results(session: Session, summary: RunSummary, confusion: np.ndarray) -> dict[str, Any]:
    """Return everything about the run as JSON values."""
    return {
        "config": session.config.model_dump(),
        "summary": json.loads(summary.to_line()),
        "history": session.state.history,
        "confusion_matrix": confusion.tolist(),
        "validation_controls": session.validation_controls.table(),
        "data": session.data.manifest.summary(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "commit": session.checkpoints.commit,
        "device": str(session.device),
        "threads": session.config.threads,
    }
