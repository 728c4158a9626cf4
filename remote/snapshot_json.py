"""A snapshot as JSON, for the history: what the host said, and how old that was; nothing that holds only now."""

from __future__ import annotations

from typing import Any

from remote.metric_history import thinned
from remote.snapshot import RunSnapshot, SyncPhase, SyncStatus
from wire.cluster import ClusterJob
from wire.codec import WireError, decode, encode
from wire.records import ExitRecord, GateDecision, Heartbeat, MetricPoint, Progress, Record, RunSpec, RunSummary
from wire.state import State

ROW_MAX_BYTES = 4 * 1024 * 1024
POINTS_PER_METRIC = 250
"""Enough for a curve until its host tells all of it again; two rows are written a second, all are read at the start."""
_TEXTS = ("host", "project", "worker", "branch", "extractor", "run", "attempt", "reason")
_RECORDS: dict[str, type[Record]] = {
    "spec": RunSpec,
    "progress": Progress,
    "beat": Heartbeat,
    "exit": ExitRecord,
    "result": RunSummary,
    "decision": GateDecision,
    "cluster": ClusterJob,
}


def dump_snapshot(snapshot: RunSnapshot) -> bytes:
    """Return the lasting part of a snapshot as one JSON line."""
    out: dict[str, Any] = {name: getattr(snapshot, name) for name in _TEXTS}
    for name in _RECORDS:
        record = getattr(snapshot, name)
        out[name] = None if record is None else record.to_dict()
    out["state"] = snapshot.state.value
    out["metrics"] = [point.to_dict() for point in thinned(snapshot.metrics, POINTS_PER_METRIC)]
    out["messages"] = list(snapshot.messages)
    out["sync"] = {"bytes_done": snapshot.sync.bytes_done, "folder": snapshot.sync.folder}
    return encode(out)


def load_snapshot(data: bytes, age_s: float) -> RunSnapshot:
    """Return the snapshot of a line, `age_s` old and confirmed by nobody. Raises `WireError`."""
    row = decode(data, ROW_MAX_BYTES)
    try:
        given: dict[str, Any] = {name: _text(row[name]) for name in _TEXTS}
        for name, kind in _RECORDS.items():
            # A row of an older version lacks what came later.
            given[name] = None if row.get(name) is None else kind.from_dict(row[name])
        sync = SyncStatus(
            SyncPhase.NEVER, bytes_done=int(row["sync"]["bytes_done"]), folder=_text(row["sync"]["folder"])
        )
        return RunSnapshot(
            **given,
            state=State(row["state"]),
            metrics=tuple(MetricPoint.from_dict(point) for point in row["metrics"]),
            messages=tuple(_text(line) for line in row["messages"]),
            sync=sync,
            cached_age_s=max(0.0, age_s),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise WireError(f"not a snapshot: {type(exc).__name__}: {exc}") from exc


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WireError("text expected")
    return value
