"""Finding and reading the results of a run: training_results.json, else result.json and metrics.jsonl."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer.analysis import forms
from trainer.analysis.results import CONTROLS_NAME, EVALUATION_NAME, RESULTS_NAME, Results, results_of, with_controls
from trainer.errors import DataError
from wire.codec import WireError, read_bytes, read_object
from wire.gate import RETIRE
from wire.run_dir import RunDir
from wire.state import Phase

RESULTS_MAX_BYTES = 256 * 1024**2


def read_results(place: str | Path) -> Results:
    """Read a run folder, a synced results folder, a worker's folder (its newest run), what an
    evaluation wrote, or a results file.

    Raises `DataError` that says what is not there.
    """
    path = Path(place)
    if path.is_file():
        return _from_file(path)
    if not path.is_dir():
        raise DataError(f"{place} does not exist", hint="name a run's folder or a training_results.json")
    run = RunDir(str(path))
    for candidate in (path / "artifacts" / RESULTS_NAME, path / RESULTS_NAME, path / EVALUATION_NAME):
        if candidate.is_file():
            return _with_state(_from_file(candidate), run)
    if Path(run.metrics).is_file() or Path(run.result).is_file():
        return _with_state(_from_run(run), run)
    if runs := sorted(spec.parent for spec in path.glob("*/spec.json")):
        return read_results(runs[-1])
    raise DataError(f"{place} holds no results: no {RESULTS_NAME}, result.json or metrics.jsonl", hint=_why(run))


def _with_state(results: Results, run: RunDir) -> Results:
    """Add the progress of a run that went on after these results, or has not come to any; and who retired it."""
    progress = _object(run.progress)
    done = progress.get("phase") == Phase.DONE.value or not _after(progress.get("at_s"), results.at_s)
    decision = _object(run.gate_decision)
    return replace(
        results,
        progress={} if done else progress,
        stage=results.stage if done else str(progress.get("stage") or results.stage),
        retired_by=str(decision.get("by") or "somebody") if decision.get("decision") == RETIRE else "",
    )


def _after(at_s: Any, other_s: float | None) -> bool:
    return forms.is_number(at_s) and at_s > (other_s or 0.0)


def _object(path: str) -> dict[str, Any]:
    """The JSON object in a file of the run; {} if there is none that can be read."""
    try:
        return dict(forms.harmless(read_object(path) or {}))
    except (WireError, RecursionError):
        return {}


def _why(run: RunDir) -> str:
    """What a run without results says of itself."""
    if progress := _object(run.progress):
        return f"its last progress: {progress.get('message') or progress.get('phase', 'none')}"
    return "has it been trained, and synced?"


def load_json(path: Path) -> Any:
    """Parse a JSON file; NaN and infinities, which others write, become null. Raises `DataError`."""
    try:
        data = read_bytes(os.path.realpath(path), RESULTS_MAX_BYTES)
        return forms.harmless(json.loads((data or b"").decode("utf-8"), parse_constant=lambda _: None))
    except (WireError, ValueError, RecursionError) as exc:
        raise DataError(f"{path} cannot be read: {exc}", hint="a results file is one JSON object") from exc


def _from_file(path: Path) -> Results:
    raw = load_json(path)
    if not isinstance(raw, dict):
        raise DataError(f"{path} cannot be read: it holds no JSON object", hint="a results file is one JSON object")
    results, trained = results_of(path, raw), path.with_name(CONTROLS_NAME)
    if path.name != RESULTS_NAME or not trained.is_file():
        return results
    rows = load_json(trained)
    return with_controls(results, *(rows.get(key) if isinstance(rows, dict) else None for key in ("controls", "tests")))


def _from_run(run: RunDir) -> Results:
    """A run that wrote the wire records alone, such as one with a `ResultSyncer`."""
    raw: dict[str, Any] = {"data": _object(str(Path(run.artifacts) / "data" / "manifest.json"))}
    source, notes = Path(run.metrics), []
    if Path(run.result).is_file():
        source, raw["summary"] = Path(run.result), load_json(Path(run.result))
    if Path(run.metrics).is_file():
        points = []
        for line in Path(run.metrics).read_bytes().splitlines():
            try:
                points.append(forms.harmless(json.loads(line)))
            except (ValueError, RecursionError):
                notes.append("metrics.jsonl has a line that is no JSON")
        raw["history"], counted = forms.from_points(point for point in points if isinstance(point, dict))
        if counted:
            return replace(results_of(source, raw, [*dict.fromkeys(notes), *counted]), epochs=None)
    return results_of(source, raw, [*dict.fromkeys(notes)])
