"""Golden files: what an older writer said must load for ever, field for field, and go back out unchanged."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from wire import records
from wire.cluster import ClusterJob

GOLDEN = Path(__file__).parent / "golden"
KINDS = {
    "spec": records.RunSpec,
    "job": records.JobRecord,
    "exit": records.ExitRecord,
    "stop": records.StopRequest,
    "progress": records.Progress,
    "heartbeat": records.Heartbeat,
    "metric": records.MetricPoint,
    "event": records.Event,
    "action": records.Action,
    "summary": records.RunSummary,
    "gate_decision": records.GateDecision,
    "queue": ClusterJob,
}
FILES = sorted(GOLDEN.glob("v*/*.json"))


def test_every_kind_of_every_version_has_a_golden_file() -> None:
    for version in range(1, records.PROTOCOL_VERSION + 1):
        assert {path.stem for path in (GOLDEN / f"v{version}").glob("*.json")} == set(KINDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden_record_loads_and_keeps_every_field(path: Path) -> None:
    line = path.read_bytes()
    record = KINDS[path.stem].from_bytes(line)
    before, after = json.loads(line), json.loads(record.to_line())
    assert {key: after[key] for key in before} == before
    assert record.extra == {"from_a_newer_writer": [1, "kept"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_field_is_present_in_the_newest_golden_file(path: Path) -> None:
    if path.parent.name == f"v{records.PROTOCOL_VERSION}":
        names = {field.name for field in dataclasses.fields(KINDS[path.stem])} - {"extra"}
        assert set(json.loads(path.read_bytes())) - {"from_a_newer_writer"} == names
