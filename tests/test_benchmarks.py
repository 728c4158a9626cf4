"""The benchmarks run and print what machines read. Nothing here says how fast: that is for a quiet machine."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.supervised import cpu_s
from benchmarks.terminal import has_painted
from tests.fixtures.ssh import SSHD

ROOT = Path(__file__).parents[1]
FIELDS = {"name", "ratio", "target", "unit", "met", "ours", "theirs"}
TINY = {
    "app": ["--workers", "20", "--seconds", "0.3", "--warm", "0.3", "--keys", "2", "--turns", "1"],
    "control_plane": ["--workers", "2", "--hosts", "1", "2", "--seconds", "1", "--interval", "0.5", "--hour", "0"],
    "data": ["--trajectories", "60", "--persistence", "160", "--objects", "80", "--sample", "24", "--repeat", "1"],
    "heartbeat": ["--workers", "2", "--seconds", "1", "--interval", "0.5"],
    "hour": ["--workers", "2", "--seconds", "8"],
    "language": ["--clips", "8"],
    "objects": ["--clips", "2", "--turns", "1"],
    "persistence": ["--clips", "4"],
    "render": ["--frames", "4", "--clips", "2", "--turns", "1", "--seconds", "0"],
    "scale": ["--sizes", "2x2", "--sync", "2x1", "--seconds", "1", "--interval", "0.5"],
    "sync": ["--files", "20", "--mebibytes", "1", "--repeat", "1"],
    "track": ["--objects", "5", "--clips", "2", "--turns", "1"],
    "train": ["--extractors", "keypoint", "--clips", "40", "--steps", "1", "--seconds", "1"],
}
NEEDS = {
    "app": [],
    "control_plane": ["ssh", "rsync"],
    "data": [],
    "heartbeat": [SSHD, "ssh"],
    "hour": ["rsync"],
    "language": [],
    "objects": [],
    "persistence": [],
    "render": [],
    "scale": ["rsync"],
    "sync": [SSHD, "ssh", "rsync"],
    "track": ["trackers", "supervision"],
    "train": [],
}
DRAWING = [module for module in ("cv2", "skia", "PIL", "matplotlib") if find_spec(module)]
"""Libraries that `render` compares with; one that is not here is left out."""
ROWS = {
    "app": 10,
    "control_plane": 18,
    "data": 14,
    "heartbeat": 8,
    "hour": 6,
    "language": 12,
    "objects": 26,
    "persistence": 12,
    "render": 4 + 4 * len(DRAWING),
    "scale": 16,
    "sync": 6,
    "track": 20,
    "train": 11,
}
NAMES = [pytest.param(name, marks=() if name == "render" else pytest.mark.slow) for name in TINY]
"""`make test-hosts` has those that are slow: `train` takes 15 s of CPU, a run under a supervisor beside its own,
`control_plane` 8 s and the quarter of a minute after which a silent host is noticed, `hour` 9 s, and
`track`, `language`, `objects` and `persistence` 8 s, most of it to import their rivals or torch.
"""


def run(name: str, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *argv],
        cwd=ROOT, env={**os.environ, "LANG": "C.UTF-8"}, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_benchmark_that_is_run_is_tested() -> None:
    runnable = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if '__name__ == "__main__"' in path.read_text("utf-8")
    }
    assert runnable == set(TINY)


def test_a_frame_is_told_from_what_prepares_the_terminal() -> None:
    asked = b"\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[?2026$p\x1b]0;a title that is long enough\x07"
    blank, text = b"\x1b[48;2;13;17;23m" + b" " * 160, "▸ Opening the profile …".encode()
    assert not has_painted(text + asked + blank)
    assert has_painted(asked + blank + b"\x1b[1;1H" + text)


def test_the_processor_time_of_a_process_counts_what_it_does() -> None:
    before, until = cpu_s(os.getpid()), time.thread_time() + 0.05
    while time.thread_time() < until:
        pass
    assert cpu_s(os.getpid()) - before >= 0.045


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str) -> None:
    assert "--json" in run(name, "--help")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_json_rows_have_exactly_these_fields(name: str) -> None:
    missing = [tool for tool in NEEDS[name] if shutil.which(tool) is None and find_spec(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    rows = json.loads(run(name, "--json", *TINY[name]))
    assert len(rows) == ROWS[name] and len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row) == FIELDS
        assert row["met"] is (row["ratio"] >= row["target"])
        assert all(math.isfinite(row[field]) and row[field] > 0 for field in ("ratio", "target", "ours", "theirs")), row
