"""What the run says while it works: progress.json, metrics.jsonl, PROGRESS.txt, and a line for people.

Writing it may fail (a full disk) without touching the training: the failure is said once, then counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from trainer import words
from trainer.console import Say, write_line
from wire.codec import WireError, decode, read_object
from wire.records import MetricPoint, Progress, RunSummary
from wire.run_dir import RunDir, append_line, replace_file
from wire.state import Phase

PROGRESS_INTERVAL_S = 0.5
TEXT_INTERVAL_S = 10.0


class Reporter:
    """The only writer of the work's own files in a run directory. Each written progress also goes to `say`."""

    def __init__(self, run: RunDir, attempt: str, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self.run, self.attempt = run, attempt
        self.failures = 0
        self.standing_message = ""
        """Said in place of the line that is made from the facts, until it is changed."""
        self.listeners: list[Callable[[int, Mapping[str, float]], None]] = []
        """Each takes the step and the values of every line of metrics.jsonl; it may raise OSError."""
        self._say, self._clock = say, clock
        self._seq = self._last_seq()
        self._facts: dict[str, Any] = {"phase": Phase.LOAD.value}
        self._metrics: dict[str, float | None] = {}
        self._written = self._text_written = float("-inf")
        self._started = clock()
        self._start_step: int | None = None

    def _last_seq(self) -> int:
        try:
            return int((read_object(self.run.progress) or {}).get("seq", 0))
        except (WireError, TypeError, ValueError):
            return 0

    def update(
        self, *, force: bool = False, metrics: dict[str, float] | None = None, message: str = "", **facts: Any
    ) -> None:
        """Take new facts (fields of `Progress`); write them now, or when half a second has passed.

        A `message` is said and written at once; otherwise the line is made from the facts.
        """
        if facts.get("phase", self._facts["phase"]) != self._facts["phase"]:
            force = True
        self._facts |= facts
        self._metrics |= metrics or {}
        now = self._clock()
        if force or message or now - self._written >= PROGRESS_INTERVAL_S:
            self._written = now
            self._write(force, now, message)

    def _write(self, force: bool, now: float, message: str) -> None:
        self._seq += 1
        facts: dict[str, Any] = {"eta_s": self._eta_s(now)} | self._facts
        said = message or self.standing_message
        progress = Progress(
            attempt=self.attempt, seq=self._seq, at_s=time.time(), metrics=dict(self._metrics), message=said, **facts
        )
        progress = replace(progress, message=words.message(progress))
        self.guard("progress.json", lambda: replace_file(self.run.progress, progress.to_line()))
        if force or now - self._text_written >= TEXT_INTERVAL_S:
            self._text_written = now
            text = words.page(progress).encode()
            self.guard("PROGRESS.txt", lambda: replace_file(self.run.progress_text, text))
        self._say(progress, bool(message))

    def _eta_s(self, now: float) -> float | None:
        """Seconds to go at the mean pace of this attempt; evaluation and checkpoints are in the mean."""
        step, total = self._facts.get("step", 0), self._facts.get("total_steps", 0)
        if self._start_step is None or total == 0:
            return None
        if step >= total:
            return 0.0
        done = step - self._start_step
        return (now - self._started) / done * (total - step) if done > 0 else None

    def start_pace(self, step: int) -> None:
        """Measure the pace from here: `step` steps were done when this attempt began to train."""
        self._start_step, self._started = step, self._clock()

    def log_metrics(self, step: int, epoch: float, values: dict[str, float]) -> None:
        """Append one line to metrics.jsonl."""
        point = MetricPoint(step=step, epoch=epoch, at_s=time.time(), values=dict(values), attempt=self.attempt)
        self.guard("metrics.jsonl", lambda: append_line(self.run.metrics, point.to_line()))
        for listen in self.listeners:
            self.guard("the metrics", partial(listen, step, values))

    def cut_metrics(self, last_step: int) -> None:
        """Remove lines beyond `last_step`: the work they tell of was lost and is about to be done again.

        The file is replaced, not shortened, so that a follower sees another inode and reads it anew.
        """

        def cut() -> None:
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith(b"\n") and _step_of(line) <= last_step]
            if len(kept) < len(lines):
                replace_file(self.run.metrics, b"".join(kept))

        path = Path(self.run.metrics)
        if path.exists():
            self.guard("metrics.jsonl", cut)

    def write_result(self, summary: RunSummary) -> None:
        """Write result.json."""
        self.guard("result.json", lambda: replace_file(self.run.result, summary.to_line()))

    def guard(self, what: str, write: Callable[[], object]) -> bool:
        """Run a write whose failure must not end the training; return whether it worked."""
        try:
            write()
        except OSError as exc:
            self.failures += 1
            if self.failures == 1:
                write_line(2, f"WARNING cannot write {what}: {exc}; training goes on")
            return False
        return True


class SilentReporter(Reporter):
    """That of a process beside the first: it takes everything and writes nothing."""

    def guard(self, what: str, write: Callable[[], object]) -> bool:
        return True


def _step_of(line: bytes) -> float:
    try:
        return float(decode(line)["step"])
    except (WireError, KeyError, TypeError, ValueError):
        return float("inf")
