"""Runs whose results lie on this laptop: found by name or path, and read into the same snapshots that hosts give."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from remote.clean import clean
from remote.compare import Candidate
from remote.errors import UsageError
from remote.fold import FOLDER_NAME, fold
from remote.metric_history import extend
from remote.onhost.parts import read_run
from remote.row import Row
from remote.snapshot import RunSnapshot
from remote.tidy import tidy
from wire import gate
from wire.codec import WireError, decode, read_bytes, read_object
from wire.records import MetricPoint
from wire.run_dir import RunDir, attempt_number
from wire.state import State

METRICS_MAX_BYTES = 64 * 1024**2
SIDE_FILE_MAX_BYTES = 4 * 1024**2
RECORDS = ("spec.json", "result.json", "metrics.jsonl", "progress.json")
"""One of these is in every run's folder."""


def is_run(folder: Path) -> bool:
    """True if a run left its records in the folder."""
    return any((folder / name).is_file() for name in RECORDS)


def runs_of(results: Path, slug: str) -> list[Path]:
    """The synced runs of a worker, oldest first."""
    folder = results / slug
    return sorted(path for path in folder.iterdir() if is_run(path)) if folder.is_dir() else []


def find_run(results: Path | None, name: str) -> Path | None:
    """The folder of a run that is named by a path, or as WORKER/RUN in the results folder; None if there is none."""
    places = [Path(name), *([results / name] if results is not None and "/" in name else [])]
    return next((place for place in places if is_run(place)), None)


def read_candidate(folder: Path, *, wall_s: float | None = None) -> Candidate:
    """What a run's folder says. Raises `UsageError` where it says nothing that can be read."""
    run_dir = RunDir(str(folder))
    parts = read_run(run_dir)
    run, attempt = _identity(folder, parts)
    worker = _text(parts.get("spec"), "worker") or run
    blank = Row(RunSnapshot(host="", project=_text(parts.get("spec"), "project"), worker=worker))
    folded = fold(blank, {"k": "run", "run": run, **parts, "attempt": attempt}, 0.0)
    row = folded.row.snapshot
    if not row.run:
        raise UsageError(f"{clean(str(folder))} holds no run: {', '.join(folded.warnings) or 'its name is no run'}")
    age_s = max(0.0, (time.time() if wall_s is None else wall_s) - _newest_s(parts))
    row = replace(_at_end(row), metrics=extend((), _points(run_dir.metrics)), seen_at=None, cached_age_s=age_s)
    controls, data, digest = beside(folder)
    return Candidate(row, controls, data, digest, synced=True)


def _at_end(row: RunSnapshot) -> RunSnapshot:
    """A run of the plain trainer has no supervisor that would say how it ended: its result does."""
    if row.exit is not None or row.beat is not None:
        return row
    if row.result is None:
        return replace(row, state=State.RUNNING)
    if row.result.verdict != gate.HELD:
        return replace(row, state=State.COMPLETED)
    state, reason = gate.standing(row.result.gate, row.decision)
    return replace(row, state=state, reason=reason)


def beside(folder: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Trained controls, what the data set was made by, and its digest, as far as the synced folder holds them."""
    artifacts = Path(RunDir(str(folder)).artifacts)
    controls = _side_file(artifacts / "controls.json").get("controls")
    manifest = _side_file(artifacts / "data" / "manifest.json")
    wanted, digest = manifest.get("wanted"), manifest.get("digest")
    return _tidy_object(controls), _tidy_object(wanted), clean(digest) if isinstance(digest, str) else ""


def _side_file(path: Path) -> dict[str, Any]:
    try:
        return read_object(str(path), SIDE_FILE_MAX_BYTES) or {}
    except WireError:
        return {}


def _tidy_object(value: Any) -> dict[str, Any]:
    try:
        return dict(tidy(value)) if isinstance(value, dict) else {}
    except WireError:
        return {}


def _identity(folder: Path, parts: dict[str, Any]) -> tuple[str, int]:
    """Run and number of the newest attempt. A folder of the plain trainer has no attempts: its records name one."""
    told = next((_text(parts.get(part), "attempt") for part in ("progress", "result") if parts.get(part)), "")
    run = _text(parts.get("spec"), "run") or told.rpartition(".")[0] or folder.resolve().name
    return run if FOLDER_NAME.match(run) else "", parts["attempt"] or attempt_number(told) or 1


def _text(part: Any, key: str) -> str:
    value = part.get(key) if isinstance(part, dict) else None
    return clean(value) if isinstance(value, str) else ""


def _newest_s(parts: dict[str, Any]) -> float:
    times = [part.get("at_s") for part in parts.values() if isinstance(part, dict)]
    return max((float(at) for at in times if isinstance(at, (int, float)) and abs(at) < 2**53), default=0.0)


def _points(path: str) -> Iterator[MetricPoint]:
    """The points of a metrics file; a line that is none, and a file that is too large, is passed over."""
    try:
        data = read_bytes(path, METRICS_MAX_BYTES) or b""
    except WireError:
        return
    for line in data.splitlines():
        try:
            yield MetricPoint.from_dict(tidy(decode(line)))
        except WireError:
            continue
