"""Runs to compare: as snapshots of invented workers, and as the folders that come to the laptop."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from remote.compare import Candidate, Comparison, compare
from remote.figures import wilson_interval
from remote.snapshot import RunSnapshot
from tests.tui.worlds import NOW, WALL, blank, ended, offline, result, running
from tui.app import TrajvidApp
from tui.format import Line
from wire.records import ExitRecord, JobRecord, MetricPoint, Progress, Record, RunSpec, RunSummary
from wire.state import State

Same = Callable[[TrajvidApp], None]
RUN = "20260101T000000-3f2a91c-9b1e"


def texts(lines: Sequence[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def of(*rows: RunSnapshot) -> Comparison:
    return compare([Candidate(row) for row in rows])


def judged(worker: str, accuracy: float, mse: float = 0.02, n: int = 300, **more: Any) -> RunSnapshot:
    """A completed run with figures of our choice; its controls are 0.25 and 0.08."""
    row = ended(worker, State.COMPLETED, 0, "", done=40, **more)
    low, high = wilson_interval(accuracy, n)
    figures: dict[str, Any] = {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "n": n,
        "pred_mse": mse,
    }
    controls = {"constant_velocity": {"pred_mse": 0.08}, "majority": {"accuracy": 0.25}, "oracle": {"accuracy": 1.0}}
    summary = RunSummary(
        row.attempt, WALL, "completed", figures | {"skill": 1 - mse / 0.08}, controls, (), 80.0, 8, 1000
    )
    return replace(row, result=summary)


def asked(row: RunSnapshot, *overrides: str, **more: Any) -> RunSnapshot:
    assert row.spec is not None
    return replace(row, spec=replace(row.spec, overrides=overrides, **more))


def put(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(record.to_line())


def write_run(folder: Path, raw: dict[str, Any], *, worker: str = "", state: str = "completed") -> Path:
    """A run's folder as it comes to the laptop: records, results file, manifest; without `state` nothing has ended."""
    run = folder.name
    summary = RunSummary.from_dict({**raw["summary"], "at_s": WALL, "attempt": f"{run}.1"})
    if worker:
        put(folder / "spec.json", RunSpec(run, "p", worker, "n", ("x",), "/w", commit="3f2a91c", config="keypoint"))
        put(folder / "attempts/1/job", JobRecord(f"{run}.1", "n", 1, 1, "b", WALL))
    points = [
        MetricPoint(int(row["epoch"]), row["epoch"], WALL, {k: v for k, v in row.items() if k != "epoch"}, f"{run}.1")
        for row in raw["history"]
    ]
    (folder / "artifacts/data").mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").write_bytes(b"".join(point.to_line() for point in points))
    put(folder / "progress.json", Progress(f"{run}.1", 1, WALL, "done" if state else "train", epoch=8, total_epochs=9))
    (folder / "artifacts/data/manifest.json").write_text(json.dumps(raw["data"]))
    if state:
        put(folder / "attempts/1/exit", ExitRecord(f"{run}.1", state, 0, WALL))
        put(folder / "result.json", summary)
        (folder / "artifacts/training_results.json").write_text(json.dumps({**raw, "summary": summary.to_dict()}))
    return folder


def world() -> list[RunSnapshot]:
    """Four runs: tested, without skill, going on, and one whose host is away; and a worker that never ran."""
    return [
        asked(judged("keypoint-a", 0.97), "epochs=10", "seed=1"),
        asked(running("keypoint-b", done=22), "epochs=10", "seed=2"),
        asked(
            result(ended("i3d-a", State.COMPLETED, 0, "", done=40), "no skill", -0.3, ("no skill",)),
            "epochs=10",
            "seed=1",
        ),
        asked(running("magvit-a", host="gpu-1", link=offline(), seen_at=NOW - 420, done=12), "epochs=10", "seed=1"),
        blank("smoke"),
    ]


def profile(folder: Path) -> None:
    workers = {name: {"branch": "b", "host": "local", "command": "true"} for name in ("kp", "smoke")}
    text = {"project": "demo", "hosts": {"local": {"kind": "embedded"}}, "workers": workers}
    (folder / "profiles.yaml").write_text(yaml.safe_dump(text))
