"""What a run was asked to do, and the config that was in effect, as (name, value) facts. Reads files; draws nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from remote.clean import clean
from remote.compare_notes import differences
from remote.errors import RemoteError
from remote.run_folders import read_candidate, runs_of
from remote.snapshot import RunSnapshot
from tui.activity.lines import moment
from tui.format import age, duration
from tui.keys import shown
from wire.codec import WireError, read_object
from wire.run_dir import RunDir, attempt_number

RESULTS_NAME = "training_results.json"
RESULTS_MAX_BYTES = 16 * 1024**2
DIRTY = "dirty: a snapshot of uncommitted work"
Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class Effective:
    """The whole config that a run was trained with, defaults included, as its synced results say it."""

    values: Mapping[str, str] = field(default_factory=dict)
    """Nested keys are joined by dots; {} if it is not known, then `why` says why."""
    written_s: float = 0.0
    """When the file was written, epoch seconds."""
    why: str = ""

    @property
    def origin(self) -> str:
        return f"artifacts/{RESULTS_NAME}"


@dataclass(frozen=True)
class Known:
    """A run with what this laptop knows of its config."""

    row: RunSnapshot
    effective: Effective


def read_effective(row: RunSnapshot) -> Effective:
    """Read the config from the run's synced results; call it in a thread."""
    if not row.sync.folder:
        return Effective(why=f"nothing of this run is on this laptop yet: {shown('sync')} brings its results")
    path = Path(RunDir(row.sync.folder).artifacts) / RESULTS_NAME
    try:
        results = read_object(str(path), RESULTS_MAX_BYTES)
        written_s = path.stat().st_mtime if results else 0.0
        config = _flat(results["config"]) if results and isinstance(results.get("config"), dict) else []
    except (WireError, OSError, RecursionError) as exc:
        return Effective(why=clean(str(exc)))
    if results is None:
        when = (
            "they come with the run's end"
            if row.state.active
            else f"the run ended without them, or {shown('sync')} brings them"
        )
        return Effective(why=f"no results here ({RESULTS_NAME}): {when}")
    return Effective(dict(config), written_s, "" if config else f"{RESULTS_NAME} names no config")


def _flat(config: Mapping[str, object], head: str = "") -> Facts:
    """Every option with its value as text; `gate.accuracy` for what is nested."""
    out: Facts = []
    for key, value in config.items():
        name = head + clean(str(key))
        if isinstance(value, dict) and value:
            out += _flat(value, name + ".")
        else:
            out.append((name, clean(value if isinstance(value, str) and value else json.dumps(value))))
    return out


def earlier_runs(row: RunSnapshot) -> list[Path]:
    """Folders of the worker's other runs on this laptop, newest first; call it in a thread."""
    folder = Path(row.sync.folder)
    if not row.sync.folder:
        return []
    return [path for path in reversed(runs_of(folder.parent.parent, folder.parent.name)) if path.name != row.run]


def read_known(folder: Path) -> Known | str:
    """A run from its synced folder, or why it cannot be read; call it in a thread."""
    try:
        row = read_candidate(folder).row
    except (RemoteError, OSError) as exc:
        return clean(str(exc))
    row = replace(row, sync=replace(row.sync, folder=str(folder)))
    return Known(row, read_effective(row))


def asked_facts(row: RunSnapshot, wall_s: float) -> Facts:
    """All of what was asked; what is empty is left out."""
    spec = row.spec
    if spec is None:
        return []
    since = wall_s - spec.created_s
    created = moment(spec.created_s) if spec.created_s else ""
    attempt = attempt_number(row.attempt)
    facts = [
        ("run", row.run + (f", attempt {attempt}" if attempt else "")),
        ("asked", " ".join(filter(None, (created, f"({age(since)} ago)" if created else "", f"by {spec.by}")))),
        ("host", row.host),
        ("branch", spec.branch),
        ("commit", spec.commit + (f" ({DIRTY})" if spec.dirty else "")),
        ("subject", spec.subject),
        ("repeats", spec.parent),
        ("command", shlex.join(spec.command)),
        ("in", spec.cwd),
        ("config", spec.config),
        ("overrides", " ".join(spec.overrides)),
        ("extractor", spec.extractor),
        *(("env" if not index else "", f"{key}={spec.env[key]}") for index, key in enumerate(sorted(spec.env))),
        ("environment", json.dumps(spec.environment) if spec.environment else ""),
        *(("setup" if not index else "", command) for index, command in enumerate(spec.setup)),
        ("bundle", spec.bundle),
        ("restarts", f"at most {spec.restart_limit} after a failure" if spec.restart_limit else "none after a failure"),
        ("a stop", f"waits {duration(spec.grace_s)} for a checkpoint"),
        ("a beat", f"every {duration(spec.beat_interval_s)}"),
    ]
    return [(name, clean(value)) for name, value in facts if value]


@dataclass(frozen=True)
class Change:
    """One thing that differs between two runs; '' where it is not known."""

    key: str
    mine: str
    theirs: str


def asked_changes(mine: RunSnapshot, theirs: RunSnapshot) -> list[Change]:
    """What was asked differently."""
    return [Change(one.key, *map(clean, one.values)) for one in differences([mine, theirs])]


def effective_changes(mine: Effective, theirs: Effective) -> list[Change]:
    """Options that were in effect with different values; [] unless both runs tell theirs."""
    if not mine.values or not theirs.values:
        return []
    keys = dict.fromkeys([*mine.values, *theirs.values])
    pairs = [Change(key, mine.values.get(key, "not there"), theirs.values.get(key, "not there")) for key in keys]
    return [one for one in pairs if one.mine != one.theirs]
