"""What a finished run adds to a proof: its gate, and where it stands beside its controls."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.analysis.reading import read_results
from trainer.analysis.results import Results
from trainer.analysis.standing import against_controls, flags
from trainer.errors import DataError
from trainer.evidence.redaction import redacted_line
from trainer.evidence.repository import Repository
from wire.codec import SPEC_MAX_BYTES, WireError, read_object
from wire.gate import HELD
from wire.records import RunSummary
from wire.run_dir import RunDir

NO_SKILL, INVESTIGATE = "no skill", "investigate"
"""Flags of a run that no proof can pass over; others are for the reader."""


@dataclass
class Judged:
    """One run. `reasons` speak against it, `notes` are what a reader should know."""

    run: str
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gate: dict[str, Any] = field(default_factory=dict)
    """{run, passed (None: there was none), words}."""
    controls: dict[str, Any] = field(default_factory=dict)
    """{run, above (None: it was not judged), beside: names}."""
    files: list[Path] = field(default_factory=list)
    """What was read of it."""


def judge_run(place: str, repository: Repository, commit: str) -> Judged:
    """Judge a run's folder, here or synced, that is to be of the content of a commit."""
    run, judged = RunDir(place), Judged(place)
    try:
        summary = _summary(run)
        results = read_results(place)
    except (DataError, WireError) as exc:
        judged.reasons.append(str(exc))
        return judged
    judged.files = [path for path in (Path(run.spec), Path(run.result), results.source) if path.is_file()]
    _judge_gate(judged, summary)
    _judge_controls(judged, results)
    _judge_commit(judged, _launched(run), results, repository, commit)
    return judged


def _summary(run: RunDir) -> RunSummary:
    content = read_object(run.result)
    if content is None:
        raise DataError("it has no result.json: it did not come to its end, or was not synced")
    return RunSummary.from_dict(content)


def _judge_gate(judged: Judged, summary: RunSummary) -> None:
    """Its own verdict, and that of the bar of `full` where it came so far."""
    verdicts = [one for one in (summary.gate, summary.gate.get("bar")) if isinstance(one, dict) and one]
    failed = [_why(one) for one in verdicts if one.get("passed") is not True]
    if "released_by" in summary.gate:
        failed = [f"{why} (released by {summary.gate['released_by']})" for why in failed]
    if summary.verdict == HELD and not failed:
        failed = ["it is held at its gate"]
    failed = [redacted_line(why, os.environ) for why in failed]
    if not verdicts:
        judged.notes.append("it had no gate to pass")
    judged.reasons += [f"its gate: {why}" for why in failed]
    passed = not failed if verdicts else None
    judged.gate = {"run": judged.run, "passed": passed, "words": "; ".join(failed)}


def _why(verdict: dict[str, Any]) -> str:
    reasons = verdict.get("reasons")
    return "; ".join(map(str, reasons)) if isinstance(reasons, list) and reasons else "it was not passed"


def _judge_controls(judged: Judged, results: Results) -> None:
    """The same judgement as `trainer compare` makes, and the run's own flags."""
    said = flags(results)
    behind = [row.name for row in against_controls(results) if row.stands]
    if not results.metrics:
        judged.reasons.append("it has no figures of a test")
    if not results.controls:
        judged.reasons.append("no control stands beside its figures")
    elif NO_SKILL in said:
        judged.reasons.append(f"it has no skill: not above {', '.join(behind) or 'its controls'}")
    judged.reasons += [flag for flag in said if flag.startswith(INVESTIGATE)]
    judged.notes += [flag for flag in said if flag != NO_SKILL and not flag.startswith(INVESTIGATE)]
    above = None if not results.controls or not results.metrics else NO_SKILL not in said
    judged.controls = {"run": judged.run, "above": above, "beside": sorted(results.controls)}


def _launched(run: RunDir) -> str:
    """The commit that the launch checked out, '' if nobody launched it."""
    try:
        return str((read_object(run.spec, SPEC_MAX_BYTES) or {}).get("commit", ""))
    except WireError:
        return ""


def _judge_commit(judged: Judged, launched: str, results: Results, repository: Repository, commit: str) -> None:
    """A run alone records the trainer's commit, which may be of another repository."""
    name, _, dirty = (launched or str(results.origin.get("commit", ""))).partition("-")
    known = repository.commit_of(name) if name else ""
    if launched and not known:
        judged.reasons.append(f"it is of {launched[:7]}, which this repository does not have")
    elif not known:
        judged.notes.append("it names no commit of this repository")
    elif dirty or repository.committed(known).tree != repository.committed(commit).tree:
        of = "uncommitted work on " if dirty else ""
        judged.reasons.append(f"it is of {of}{known[:7]}, not of {commit[:7]}")
