"""Live results of anybody's training loop, in five lines of it:

    from trainer import ResultSyncer
    with ResultSyncer("results") as syncer:
        for step, batch in enumerate(batches):
            loss = train(batch)
            syncer.log_metrics(step, train_loss=loss)
            syncer.save_checkpoint({"model": model.state_dict(), "step": step})
            if syncer.should_stop: break

It needs the standard library alone (torch only where the checkpoints hold tensors), writes the records that our own
trainer writes, and never ends a training: whatever it cannot do is said once on stderr.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from trainer.console import write_line
from trainer.durable import write_durably
from trainer.heartbeat import Heartbeat
from trainer.reporter import Reporter
from wire.codec import WireError, read_object
from wire.run_dir import RunDir, attempt_id, attempt_number
from wire.state import Phase

TORCH_NAME, PLAIN_NAME = "last.pt", "last.pkl"


class ResultSyncer:
    """Writes progress.json, metrics.jsonl, PROGRESS.txt, HEARTBEAT.txt and checkpoints/ of a run.

    Alone, it writes into `local_results_dir` and beats every `heartbeat_interval` seconds. Started by the control plane
    it writes into the run directory that this gave ($TRAJVID_RUN_DIR), whatever `local_results_dir` says, and leaves
    the heartbeat to the supervisor. `total_steps` and `total_epochs`, where known, give a bar and the time left. Any
    thread may call. A run whose step stands still for minutes is shown as stalled, so log often enough.
    """

    def __init__(
        self,
        local_results_dir: str | os.PathLike[str] = "results",
        heartbeat_interval: float = 60,
        checkpoint_interval: float = 300,
        *,
        total_steps: int = 0,
        total_epochs: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        supervised = os.environ.get("TRAJVID_RUN_DIR", "")
        self.run = RunDir(supervised or str(Path(local_results_dir).absolute()))
        self._interval_s, self._clock = checkpoint_interval, clock
        self._lock = threading.RLock()
        self._warned = self._logged = self._closed = False
        self._saved = float("-inf")
        self._unsaved: dict[str, Any] | None = None
        self._stop_wanted = self._checkpoint_wanted = False
        self._handlers: dict[int, Any] = {}
        self._pid = os.getpid()
        self._guard(lambda: Path(self.run.checkpoints).mkdir(mode=0o700, parents=True, exist_ok=True))
        attempt = os.environ.get("TRAJVID_ATTEMPT", "") if supervised else ""
        self._reporter = Reporter(self.run, attempt or _next_attempt(self.run), lambda progress, important: None, clock)
        self._guard(lambda: self._reporter.update(force=True, total_steps=total_steps, total_epochs=total_epochs))
        self._heartbeat = None if supervised else Heartbeat(self.run, heartbeat_interval)
        self._take(signal.SIGUSR1, self._on_usr1)
        atexit.register(self.close)

    @property
    def should_stop(self) -> bool:
        """True once somebody asked the run to end (TERM): save a checkpoint and leave the loop.

        A script that never looks here is ended by TERM as ever: the signal is taken over at the first look, in the
        main thread.
        """
        self._take(signal.SIGTERM, self._on_term)
        return self._stop_wanted

    @property
    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint of this run, an earlier attempt's too; None if there is none."""
        paths = [Path(self.run.checkpoints) / name for name in (TORCH_NAME, PLAIN_NAME)]
        return max((path for path in paths if path.is_file()), key=lambda path: path.stat().st_mtime, default=None)

    def log_metrics(self, step: int, *, epoch: float | None = None, **values: Any) -> None:
        """Append the values (numbers, or tensors of one) to metrics.jsonl and show them as the newest progress.

        A whole `epoch` means that so many are finished, 2.5 the middle of the third. At the first call, lines of this
        step and beyond that an earlier attempt left are removed: that work is being done again.
        """

        def log() -> None:
            figures = {name: _number(value) for name, value in values.items()}
            if not self._logged:
                self._logged = True
                self._reporter.cut_metrics(step - 1)
                self._reporter.start_pace(step)
            self._reporter.log_metrics(int(step), 0 if epoch is None else epoch, figures)
            finished: dict[str, Any] = {} if epoch is None else {"epoch": int(epoch), "epoch_fraction": epoch % 1}
            self._reporter.update(phase=Phase.TRAIN.value, step=int(step), metrics=figures, **finished)

        self._guard(log)

    def update_heartbeat(self, text: str) -> None:
        """Say in one line what happens; progress and heartbeats say it until another text comes ('' = the figures)."""

        def say() -> None:
            self._reporter.standing_message = " ".join(str(text).split())
            self._reporter.update()

        self._guard(say)

    def save_checkpoint(self, state: dict[str, Any], *, force: bool = False) -> bool:
        """Write `state` as checkpoints/last.pt by replacing it; return whether it was written now.

        At most one in `checkpoint_interval` seconds is written: the first at once, and each one after a stop or USR1.
        The newest that was not is written at `close`, its tensors as they are then. Where nothing has imported torch
        the file is a pickle, last.pkl.
        """
        written = False

        def save() -> None:
            nonlocal written
            self._unsaved = state
            due = self._clock() - self._saved >= self._interval_s
            if force or due or self._stop_wanted or self._checkpoint_wanted:
                self._write_checkpoint(state)
                written = True

        self._guard(save)
        return written

    def close(self) -> None:
        """Write the checkpoint that is still due and the last progress. Called at exit at the latest; twice is once."""
        if not self._closed and self._unsaved is not None:
            unsaved = self._unsaved
            self._guard(lambda: self._write_checkpoint(unsaved))
        if self._stop_wanted:
            self._end(message="stopped")
        else:
            self._end(message="done", phase=Phase.DONE.value, eta_s=0.0)

    def __enter__(self) -> ResultSyncer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close; but after an error the last good checkpoint stays, for what is in memory may be broken."""
        if isinstance(error, Exception):
            self._end(message=f"ended by {type(error).__name__}: {error}")
            return
        self._stop_wanted |= error is not None
        self.close()

    def _end(self, **facts: Any) -> None:
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._guard(lambda: self._reporter.update(force=True, **facts))
        if self._heartbeat is not None:
            self._heartbeat.close()
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _write_checkpoint(self, state: dict[str, Any]) -> None:
        torch = sys.modules.get("torch")
        name = PLAIN_NAME if torch is None else TORCH_NAME
        dump = pickle.dump if torch is None else torch.save
        write_durably(Path(self.run.checkpoints) / name, lambda file: dump(state, file))
        self._saved, self._unsaved, self._checkpoint_wanted = self._clock(), None, False
        self._reporter.update(force=True, checkpoint=name, checkpoint_at_s=time.time())

    def _guard(self, act: Callable[[], object]) -> None:
        """Do something for the records, one thread at a time; say the first failure, and go on."""
        try:
            with self._lock:
                act()
        except Exception as exc:
            if not self._warned:
                self._warned = True
                write_line(2, f"WARNING the results are not complete: {type(exc).__name__}: {exc}; training goes on")

    def _take(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        if number not in self._handlers and threading.current_thread() is threading.main_thread():
            self._handlers[number] = signal.signal(number, handler)

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            # A forked worker has this handler too, and its parent wants it to end.
            os._exit(128 + number)
        self._stop_wanted = True

    def _on_usr1(self, number: int, frame: FrameType | None) -> None:
        self._checkpoint_wanted = True


def _number(value: Any) -> float:
    """A tensor that still has its graph gives its value too."""
    return float(value.detach() if hasattr(value, "detach") else value)


def _next_attempt(run: RunDir) -> str:
    """`<folder>.<n>`, one more than the newest progress says."""
    try:
        newest = attempt_number(str((read_object(run.progress) or {}).get("attempt", ""))) or 0
    except WireError:
        newest = 0
    return attempt_id(Path(run.path).name, newest + 1)
