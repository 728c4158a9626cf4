"""Runs that beat: a real run tree with N workers whose heartbeats a writer process replaces, as supervisors do."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

from remote.onhost.processes import boot_id, start_ticks
from wire.records import Heartbeat, JobRecord, RunSpec
from wire.run_dir import Root, attempt_id, replace_file

RUN = "20260101T000000-abc1234-9f9f"


def lay(root: Root, project: str, slugs: list[str], pid: int) -> list[str]:
    """Make one started run for each worker, owned by `pid`; the run directories."""
    folders = []
    for slug in slugs:
        run = root.run(project, slug, RUN)
        attempt = run.attempt(1)
        os.makedirs(attempt.path, mode=0o700)
        spec = RunSpec(RUN, project, slug, "nonce", ("true",), "/", branch=f"exp/{slug}", commit="a" * 40)
        job = JobRecord(attempt_id(RUN, 1), "nonce", pid, start_ticks(pid) or 0, boot_id(), time.time())
        replace_file(run.spec, spec.to_line())
        replace_file(attempt.job, job.to_line())
        folders.append(run.path)
    return folders


def _write_beat(folder: str, sequence: int, interval_s: float) -> None:
    step = sequence * 40
    text = f"epoch 3/10, step {step}, train_loss 0.4137, val_accuracy 0.912"
    beat = Heartbeat(
        attempt_id(RUN, 1), sequence, time.time(), interval_s, "running", 1, 2, "train", step, step, 0.4, text
    )
    replace_file(os.path.join(folder, "heartbeat.json"), beat.to_line())


def _beat(folders: list[str], interval_s: float) -> None:
    """Beat every worker once an interval, evenly spread."""
    pause_s, sequence, due = interval_s / len(folders), 1, time.monotonic()
    while True:
        sequence += 1
        for folder in folders:
            _write_beat(folder, sequence, interval_s)
            due += pause_s
            time.sleep(max(0.0, due - time.monotonic()))


class BeatingHost:
    """The tree under `folder`, beating until `close`."""

    def __init__(self, folder: Path, project: str, slugs: list[str], interval_s: float) -> None:
        self.root = Root(str(folder))
        self.folders = lay(self.root, project, slugs, os.getpid())
        for folder in self.folders:
            _write_beat(folder, 1, interval_s)
        self._process = multiprocessing.get_context("fork").Process(
            target=_beat, args=(self.folders, interval_s), daemon=True
        )
        self._process.start()

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
