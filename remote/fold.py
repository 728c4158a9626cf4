"""Fold what the follower says into a row: pure functions, no clock, no connection.

    fold(row, message, now) -> Folded(row, warnings)

A record that names another attempt than the newest is stale and ignored. Every text is cleaned here, once, before
anything else sees it. A record of the wrong shape becomes a warning, never an error. What the evidence amounts to
is decided in `remote.verdict`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from remote.clean import clean
from remote.metric_history import extend
from remote.revised import revised
from remote.row import Row, forget
from remote.snapshot import Gpu, HostFacts, RunSnapshot
from remote.tidy import clock, seconds, tidy, whole
from remote.verdict import settle
from wire.cluster import ClusterJob
from wire.codec import WireError, decode
from wire.records import (
    ExitRecord,
    GateDecision,
    Heartbeat,
    MetricPoint,
    Progress,
    Record,
    RunSpec,
    RunSummary,
    StopRequest,
)
from wire.run_dir import attempt_id

MESSAGES_KEPT = 20
LOG_LINES_KEPT = 1000
GPUS_KEPT, GPU_NAME_CHARS = 64, 80
USE_CHARS = 300
WARNINGS_KEPT = 5
FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,127}\Z")
"""Names of workers and runs become folders on this laptop, so nothing else passes."""

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Folded:
    """A row after a message, and what was wrong with the message."""

    row: Row
    warnings: tuple[str, ...] = ()


def fold(row: Row, message: Mapping[str, Any], now: float) -> Folded:
    """Apply one `run` or `lines` message about this row's worker. Never raises."""
    kind = message.get("k")
    if kind not in ("run", "lines"):
        return Folded(row)
    try:
        run = message.get("run")
        if not isinstance(run, str) or not FOLDER_NAME.match(run):
            raise WireError("a message names no valid run")
        if kind == "lines":
            return Folded(row) if row.snapshot.run != run else _fold_lines(row, message)
    except WireError as exc:
        return Folded(row, (str(exc),))
    return _fold_run(row, run, message, now)


def fold_facts(message: Mapping[str, Any], now: float, wall_s: float) -> HostFacts:
    """Build `HostFacts` from a `facts` message. `wall_s` is this laptop's clock, for the skew that is displayed.

    Raises `WireError`.
    """
    gpus = message.get("gpus")
    skew_s, wrong = _skew(message.get("clock_s"), wall_s)
    return HostFacts(
        at=now,
        cpus=whole(message.get("cpus")),
        load_1min=seconds(message.get("load_1min")),
        memory_total_bytes=whole(message.get("memory_total_bytes")),
        memory_available_bytes=whole(message.get("memory_available_bytes")),
        disk_free_bytes=whole(message.get("disk_free_bytes")),
        clock_skew_s=skew_s,
        clock_wrong=wrong,
        gpus=tuple(_gpu(item) for item in gpus[:GPUS_KEPT] if isinstance(item, dict)) if isinstance(gpus, list) else (),
        disk_total_bytes=whole(message.get("disk_total_bytes")),
        inodes_free=whole(message.get("inodes_free")),
        inodes_total=whole(message.get("inodes_total")),
        spot_at_s=seconds(message.get("spot_at_s")),
        idle_s=seconds(message.get("idle_s")),
        in_use=clean(str(message.get("in_use") or ""), USE_CHARS),
        stop_in_s=seconds(message.get("stop_in_s")),
        stop_trouble=clean(str(message.get("stop_trouble") or ""), USE_CHARS),
    )


def _skew(clock_s: Any, wall_s: float) -> tuple[float | None, str]:
    """How far the host's clock is ahead of `wall_s`, or what is wrong with it."""
    try:
        told = clock(clock_s)
    except WireError as exc:
        return None, str(exc)
    return (None if told is None else told - wall_s), ""


def _gpu(told: Mapping[str, Any]) -> Gpu:
    """Raises `WireError` for a figure that is none."""
    figures = {
        item.name: whole(told[item.name])
        for item in fields(Gpu)
        if item.name != "name" and told.get(item.name) is not None
    }
    return Gpu(name=clean(str(told.get("name", "")), GPU_NAME_CHARS), **figures)


class _Parts:
    """Takes the records out of one `run` message; what is broken is noted and the old record stays."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self.message = message
        self.warnings: list[str] = []

    def record(self, key: str, kind: type[R], old: R | None, attempt: str | None) -> R | None:
        """The record under `key`, `old` if there is none, None if the host says so or it is of another attempt."""
        if key not in self.message:
            return old
        value = self.message[key]
        if value is None:
            return None
        try:
            if not isinstance(value, dict):
                raise WireError("must be an object")
            record = kind.from_dict(tidy(value))
        except WireError as exc:
            self.warnings.append(f"{key}: {exc}")
            return old
        return record if attempt is None or getattr(record, "attempt", None) == attempt else None

    def count(self, key: str, old: int) -> int:
        try:
            return whole(self.message[key]) if key in self.message else old
        except WireError as exc:
            self.warnings.append(f"{key}: {exc}")
            return old

    def age_s(self, key: str) -> float | None:
        try:
            return seconds(self.message[key])
        except WireError as exc:
            self.warnings.append(f"{key}: {exc}")
            return None


def _fold_run(row: Row, run: str, message: Mapping[str, Any], now: float) -> Folded:
    parts = _Parts(message)
    if row.snapshot.run != run:
        row = forget(row, run=run)
    row = _fold_attempt(row, run, parts)
    before = row.snapshot
    attempt = before.attempt
    spec = parts.record("spec", RunSpec, before.spec, None)
    after = revised(
        before,
        spec=spec,
        branch=(spec.branch if spec else "") or before.branch,
        extractor=(spec.extractor if spec else "") or before.extractor,
        beat=parts.record("beat", Heartbeat, before.beat, attempt),
        progress=parts.record("progress", Progress, before.progress, attempt),
        exit=parts.record("exit", ExitRecord, before.exit, attempt),
        result=parts.record("result", RunSummary, before.result, attempt),
        decision=parts.record("decision", GateDecision, before.decision, None),
        cluster=parts.record("queue", ClusterJob, before.cluster, attempt),
        seen_at=now,
        cached_age_s=None,
    )
    row = revised(row, stop=parts.record("stop", StopRequest, row.stop, attempt))
    row = _fold_proof(revised(row, snapshot=_timed(before, after, parts, now)), parts, now)
    return Folded(settle(row, now), tuple(parts.warnings[:WARNINGS_KEPT]))


def _fold_attempt(row: Row, run: str, parts: _Parts) -> Row:
    """Note the newest attempt; everything that was known about an older one is dropped."""
    number = parts.count("attempt", -1)
    attempt = row.snapshot.attempt if number < 0 else attempt_id(run, number) if number else ""
    if attempt == row.snapshot.attempt:
        return row
    snapshot = revised(row.snapshot, attempt=attempt, beat=None, progress=None, exit=None, result=None, cluster=None)
    return revised(row, snapshot=snapshot, stop=None, alive=None, why="", orphans=0, dead_at=None)


def _fold_proof(row: Row, parts: _Parts, now: float) -> Row:
    """Take over the host's proof of life; remember when it first said *dead* without an exit record."""
    alive, why = row.alive, row.why
    if "alive" in parts.message:
        said, reason = parts.message["alive"], parts.message.get("why")
        alive = said if isinstance(said, bool) else None
        why = str(tidy(reason)) if isinstance(reason, str) else ""
    dead_at = row.dead_at if row.dead_at is not None else now
    dead = alive is False and row.snapshot.exit is None
    orphans = parts.count("orphans", row.orphans)
    return revised(row, alive=alive, why=why, orphans=orphans, dead_at=dead_at if dead else None)


def _timed(before: RunSnapshot, after: RunSnapshot, parts: _Parts, now: float) -> RunSnapshot:
    """Put the ages in: when beat and progress last grew, when the newest checkpoint was made."""
    beat, progress, messages = after.beat, after.progress, after.messages
    beat_at = after.beat_at if beat is not None else None
    if beat is not None and (before.beat is None or beat.seq != before.beat.seq or beat_at is None):
        beat_at = now
        if beat.text and messages[-1:] != (beat.text,):
            messages = (*messages, beat.text)[-MESSAGES_KEPT:]
    progress_at = after.progress_at if progress is not None else None
    if progress is not None:
        if before.progress is None or progress.seq != before.progress.seq or progress_at is None:
            progress_at = now
        if beat is not None and beat.progress_seq == progress.seq and (beat.progress_age_s or 0.0) > 0:
            progress_at = min(progress_at, now - (beat.progress_age_s or 0.0))
    checkpoint_at = after.checkpoint_at
    if "checkpoint_age_s" in parts.message:
        age_s = parts.age_s("checkpoint_age_s")
        checkpoint_at = None if age_s is None else now - max(0.0, age_s)
    return revised(after, beat_at=beat_at, messages=messages, progress_at=progress_at, checkpoint_at=checkpoint_at)


def _fold_lines(row: Row, message: Mapping[str, Any]) -> Folded:
    lines = message.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise WireError("lines must be a list of text")
    inode, start, end = (whole(message.get(key)) for key in ("inode", "start", "end"))
    if message.get("file") == "metrics":
        return _fold_metrics(row, lines, (inode, start), (inode, end))
    if message.get("file") == "log":
        row = _fold_log(row, lines, (inode, start), (inode, end), whole(message.get("skipped")))
        return Folded(revised(row, log_open=message.get("partial") is True))
    return Folded(row)


def _fold_metrics(row: Row, lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> Folded:
    """Add metric points. A file that is read from its beginning, or is another file, starts the history anew."""
    anew = start[1] == 0 or start[0] != row.metrics_at[0]
    warnings: list[str] = []
    points: list[MetricPoint] = []
    for line in lines:
        try:
            point = MetricPoint.from_dict(tidy(decode(line.encode("utf-8", "replace"))))
            points.append(revised(point, attempt=sys.intern(point.attempt)))  # one text for all of an attempt
        except WireError as exc:
            warnings.append(f"metrics: {exc}")
    metrics = extend(() if anew else row.snapshot.metrics, points)
    row = revised(row, snapshot=revised(row.snapshot, metrics=metrics), metrics_at=end)
    return Folded(row, tuple(warnings[:WARNINGS_KEPT]))


def _fold_log(row: Row, lines: list[str], start: tuple[int, int], end: tuple[int, int], skipped: int) -> Row:
    """Add log lines; a piece that does not follow on from the last one replaces the tail."""
    old = row.snapshot
    follows = start == row.log_at
    kept = old.log_tail if follows else ()
    if row.log_open and kept and lines:
        lines, kept = [kept[-1] + lines[0], *lines[1:]], kept[:-1]
    tail = (*kept, *(str(tidy(line)) for line in lines[-LOG_LINES_KEPT:]))[-LOG_LINES_KEPT:]
    total = (old.log_skipped_bytes if follows else 0) + skipped
    return revised(row, snapshot=revised(old, log_tail=tail, log_skipped_bytes=total), log_at=end)
