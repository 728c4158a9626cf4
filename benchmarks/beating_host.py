"""Runs that beat: a real run tree with N workers whose heartbeats a writer process replaces, as supervisors do.

They may work too: then progress, metrics and log grow between two beats about as they do in 30 s of a training.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from pathlib import Path

from remote.onhost.processes import boot_id, start_ticks
from wire.records import Heartbeat, JobRecord, MetricPoint, Progress, RunSpec
from wire.run_dir import Root, RunDir, append_line, attempt_id, replace_file

RUN = "20260101T000000-abc1234-9f9f"
BEAT_S = 30.0
"""Seconds between two beats by default."""
STEPS, STEPS_A_POINT, POINTS_A_BEAT = 100_000, 10, 4
BEATS_AN_EPOCH, BEATS_A_CHECKPOINT = 5, 480


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


def _write_beat(folder: str, sequence: int, interval_s: float, works: bool, share: float) -> None:
    step = sequence * STEPS_A_POINT * POINTS_A_BEAT
    if works:
        _work(RunDir(folder), sequence, step, int(sequence / BEATS_A_CHECKPOINT + share))
    text = f"epoch 3/10, step {step}, train_loss 0.4137, val_accuracy 0.912"
    says_s = BEAT_S if works else interval_s
    beat = Heartbeat(
        attempt_id(RUN, 1), sequence, time.time(), says_s, "running", 1, 2, "train", step, sequence, 0.4, text
    )
    replace_file(os.path.join(folder, "heartbeat.json"), beat.to_line())


def _work(run: RunDir, sequence: int, step: int, checkpoint: int) -> None:
    """Write what a training writes between two beats, up to `step`; the files of the checkpoints it only names."""
    attempt, now, metrics, log = attempt_id(RUN, 1), time.time(), b"", b""
    for at in range(step - STEPS_A_POINT * (POINTS_A_BEAT - 1), step + 1, STEPS_A_POINT):
        loss = math.exp(-at / 9000) + 0.05 * math.sin(at)
        values: dict[str, float | None] = {"train_loss": loss, "learning_rate": 1e-3 * (1 - at / STEPS)}
        if at == step and sequence % BEATS_AN_EPOCH == 0:
            values |= {"train_accuracy": 1 - loss / 2, "val_loss": loss + 0.06, "val_accuracy": 0.98 - loss / 2}
            values |= {"pred_mse": loss / 8, "skill": 0.9 - loss / 2}
        epoch = at / (STEPS_A_POINT * POINTS_A_BEAT * BEATS_AN_EPOCH)
        metrics += MetricPoint(at, epoch, now, values, attempt).to_line()
        log += f"{now:.1f} step {at:6d} of {STEPS} train_loss {loss:.4f}\n".encode()
    append_line(run.metrics, metrics)
    append_line(run.log, log)
    progress = Progress(
        attempt, sequence, now, "train", step, STEPS, metrics=dict(values), checkpoint=f"{checkpoint}.pt",
        message=f"step {step} of {STEPS}",
    )  # fmt: skip
    replace_file(run.progress, progress.to_line())


def _beat(folders: list[str], interval_s: float, works: bool) -> None:
    """Beat every worker once an interval, evenly spread; checkpoints are spread too."""
    count, sequence, due = len(folders), 1, time.monotonic()
    while True:
        sequence += 1
        for number, folder in enumerate(folders):
            _write_beat(folder, sequence, interval_s, works, number / count)
            due += interval_s / count
            time.sleep(max(0.0, due - time.monotonic()))


class BeatingHost:
    """The tree under `folder`, beating until `close`. Runs that work say that they beat every 30 s, however fast
    that is played."""

    def __init__(self, folder: Path, project: str, slugs: list[str], interval_s: float, *, works: bool = False) -> None:
        self.root = Root(str(folder))
        self.folders = lay(self.root, project, slugs, os.getpid())
        for run in self.folders:
            _write_beat(run, 1, interval_s, works, 0.0)
        self._process = multiprocessing.get_context("fork").Process(
            target=_beat, args=(self.folders, interval_s, works), daemon=True
        )
        self._process.start()

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
