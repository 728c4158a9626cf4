"""Whole runs of every version, as the host left them: an app of today reads them, on the host and once synced.

`golden_runs/v1` was written by the far side itself: launched, restarted, stopped, retired at a gate, killed with its
supervisor. A new version of the records adds a folder; the old ones stay as they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from remote.compare import compare
from remote.fold import fold
from remote.onhost import status
from remote.row import Row
from remote.run_folders import read_candidate
from remote.snapshot import RunSnapshot
from wire.records import PROTOCOL_VERSION
from wire.run_dir import Root
from wire.state import State

GOLDEN = Path(__file__).parent / "golden_runs"
PROJECT = "demo-1a2b"
TOLD = {
    "completed": (State.COMPLETED, ""),
    "failed": (State.FAILED, "exit code 3"),
    "restarted": (State.COMPLETED, ""),
    "stopped": (State.STOPPED, "by ada@laptop"),
    "retired": (State.STOPPED, "retired by grace@desk at the gate: accuracy 61.0 % is not > 70.0 %"),
    "lost": (State.LOST, "the host rebooted, no exit record"),
}
"""What the host says of each: state, and how its reason begins."""
RUNS = [path for version in sorted(GOLDEN.iterdir()) for path in sorted(version.iterdir())]


def name_of(folder: Path) -> str:
    return f"20260101T000000-abcdef0-nonce-{folder.name}"


def on_host(folder: Path, root: Root) -> dict[str, object]:
    """The run in a root of a host, and what `status` says of it there."""
    shutil.copytree(folder, root.run(PROJECT, folder.name, name_of(folder)).path)
    (facts,) = status.status({"root": root.path, "project": PROJECT, "worker": folder.name})["runs"]
    return dict(facts)


def test_every_version_has_every_ending() -> None:
    versions = {folder.name: {path.name for path in folder.iterdir()} for folder in GOLDEN.iterdir()}
    assert versions == {f"v{number}": set(TOLD) for number in range(1, PROTOCOL_VERSION + 1)}


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_host_says_how_it_ended(folder: Path, tmp_path: Path) -> None:
    facts = on_host(folder, Root(str(tmp_path)))
    folded = fold(Row(RunSnapshot(host="far", project="demo", worker=folder.name)), facts, 0.0)
    row, (state, reason) = folded.row.snapshot, TOLD[folder.name]
    assert folded.warnings == () and facts["orphans"] == 0
    assert (row.run, row.attempt) == (name_of(folder), f"{name_of(folder)}.1")
    if state is not State.LOST:  # which an app says after a grace only
        assert row.state is state and row.reason.startswith(reason)
    (line,) = status.runs({"root": str(tmp_path), "project": PROJECT, "worker": folder.name})["runs"]
    assert line["state"] == state.value and line["reason"].startswith(reason)


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_synced_run_is_read(folder: Path) -> None:
    row = read_candidate(folder, wall_s=1_795_990_000.0).row
    assert row.run == name_of(folder) and row.spec is not None and row.beat is not None
    assert row.cached_age_s is not None and 0 < row.cached_age_s < 1e6
    if folder.name != "lost":  # its folder alone cannot tell that nobody is there any more
        assert row.state is TOLD[folder.name][0]


def test_figures_lines_and_comparison() -> None:
    completed, lost = (read_candidate(GOLDEN / "v1" / name) for name in ("completed", "lost"))
    assert [point.step for point in completed.row.metrics] == list(range(1, 13))
    assert completed.row.metrics[-1].values["slope"] == pytest.approx(1.605, abs=0.001)
    assert [point.step for point in lost.row.metrics] == [1], "the line that broke off is passed over"
    first = compare([lost, completed]).rows[0]
    assert (first.name, first.figures.accuracy, first.has_skill) == ("completed", 0.91, True)
