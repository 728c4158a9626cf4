"""A training run under the real supervisor, launched as on any host, and what each of the two processes uses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote.onhost.__main__ import bundle_path, verb_argv
from wire.codec import read_object
from wire.run_dir import Root, RunDir
from wire.state import Phase

PROJECT, WORKER, RUN = "bench-0001", "bench", "20260101T000000-abc1234-9f9f"
BEAT_S = 1.0
"""Seconds between two beats: thirty times as many as by default, so that a short measurement sees enough of them."""
START_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Used:
    """Processor seconds of a run's two processes until its first steps, and of the supervisor from there on."""

    supervisor_start_s: float
    training_start_s: float
    supervisor_s: float
    wall_s: float
    """How long the measurement took."""


def measure(folder: Path, words: list[str], seconds: float) -> Used:
    """Train with the config words under a supervisor, and measure for so long from the first steps on."""
    with _launched(folder, words) as (run, supervisor):
        _wait_for_steps(run)
        pids = supervisor, int((read_object(run.heartbeat) or {})["child_pid"])
        (supervisor_s, training_s), began = map(cpu_s, pids), time.monotonic()
        time.sleep(seconds)
        later_s, wall_s = cpu_s(supervisor), time.monotonic() - began
        return Used(supervisor_s, training_s, later_s - supervisor_s, wall_s)


def cpu_s(pid: int) -> float:
    """Processor seconds of all threads of a process, to the nanosecond (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def _launched(folder: Path, words: list[str]) -> Iterator[tuple[RunDir, int]]:
    """Launch, give the run's folder and the supervisor's pid, and stop."""
    command = [sys.executable, "-m", "trainer", "run", *words]
    spec = {
        "run": RUN, "project": PROJECT, "worker": WORKER, "nonce": f"bench-{time.time_ns()}", "command": command,
        "cwd": bundle_path(), "beat_interval_s": BEAT_S, "grace_s": 30.0,
    }  # fmt: skip
    answer = _ask("launch", root=str(folder), spec=spec, by="bench")
    try:
        yield Root(str(folder)).run(PROJECT, WORKER, RUN), int(answer["pid"])
    finally:
        _ask("stop", root=str(folder), project=PROJECT, worker=WORKER, by="bench", kill=True)


def _ask(verb: str, **request: Any) -> dict[str, Any]:
    done = subprocess.run(verb_argv(verb), input=json.dumps(request).encode() + b"\n", capture_output=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    if not answer["ok"]:
        raise RuntimeError(f"{verb}: {answer['message']}")
    return answer


def _wait_for_steps(run: RunDir) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        progress = read_object(run.progress) or {}
        if progress.get("phase") == Phase.TRAIN.value and progress.get("step", 0) > 1:
            return
        time.sleep(0.2)
    raise RuntimeError(f"no step within {START_TIMEOUT_S:.0f} s: see {run.log}")
