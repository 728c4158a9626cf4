"""The end of a run: its test, the stages that come after training, and everything that it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from trainer.analysis.pictures import TRAJECTORIES
from trainer.analysis.results import RESULTS_NAME, results_of
from trainer.analysis.writing import write_report
from trainer.results import (
    CURVES_NAME,
    load_best,
    summarise,
    training_results,
    validation_metrics,
    verdict_line,
)
from trainer.session import Session
from trainer.then import STAGES
from trainer.timing import time_inference
from wire.gate import HELD
from wire.records import RunSummary
from wire.run_dir import replace_file
from wire.state import Phase

FINAL = ("confusion_matrix", "class_names", "tests", "inference")
"""What final_metrics.json has beside the summary."""


def finish(session: Session) -> RunSummary:
    """Evaluate on the test split, go through the stages of `then` unless the gate holds the run, and write
    result.json, training_results.json and the pictures; return the summary.

    training_results.json is there before those stages: whatever becomes of them, the test is kept.
    """
    session.reporter.update(force=True, phase=Phase.EVALUATE.value, message="testing the best checkpoint")
    note = load_best(session)
    tested = session.problem.test(session)
    summary = summarise(session, tested, note)
    speed = time_inference(session.model, session.problem.batches("test", session.device), session.device)
    results = training_results(session, summary, tested)
    results |= {"inference_ms": speed.ms, "inference": asdict(speed)}
    write_json(session, RESULTS_NAME, results)
    for stage in session.config.then if summary.verdict != HELD else ():
        flags = STAGES[stage](session, results)
        summary = replace(summary, flags=(*summary.flags, *flags))
    metrics = {**summary.metrics, **results.get("language", {}).get("figures", {})}
    summary = replace(summary, metrics=metrics, tests={name: one["metrics"] for name, one in results["tests"].items()})
    write_artifacts(session, results | {"summary": json.loads(summary.to_line())})
    session.reporter.write_result(summary)
    session.reporter.update(
        force=True,
        phase=Phase.DONE.value,
        eta_s=0.0,
        metrics={name: tested.metrics[name] for name in session.problem.shown if name in tested.metrics},
        message=verdict_line(summary),
    )
    return summary


def write_json(session: Session, name: str, content: Mapping[str, Any]) -> None:
    """Write a file of the run's artifacts."""
    text = json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"
    session.reporter.guard(name, lambda: replace_file(str(Path(session.run.artifacts) / name), text))


def write_artifacts(session: Session, results: dict[str, Any]) -> None:
    """Write training_results.json, its parts, and their analysis with its pictures into artifacts/."""
    write_json(session, RESULTS_NAME, results)
    controls = {"controls": results["validation_controls"]} if "validation_controls" in results else {}
    write_json(session, "validation_metrics.json", {**validation_metrics(session), **controls})
    parts = {name: results[name] for name in FINAL if name in results}
    write_json(session, "final_metrics.json", {**results["summary"], **parts})
    folder = Path(session.run.artifacts)
    found = results_of(folder / RESULTS_NAME, results)
    if session.config.problem != TRAJECTORIES:
        session.reporter.guard(
            CURVES_NAME, lambda: session.problem.draw_curves(folder / CURVES_NAME, session.state.history)
        )
    session.reporter.guard("analysis_report.md", lambda: write_report(found, folder))
