"""The supervisor's proof of life: a beat every interval on a thread of its own, even while the work hangs.

A beat carries what the work last reported, so that "alive" and "moving" are told apart. Writing a beat may fail (full
disk) without harm: the next one tries again.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Dict, Optional, Tuple

from remote.onhost import parts
from wire.codec import HEARTBEAT_MAX_BYTES, encode
from wire.records import Heartbeat
from wire.run_dir import RunDir, append_line, replace_file
from wire.state import State

TEXT_MAX_BYTES = 1024 * 1024
TEXT_KEPT_BYTES = 512 * 1024
"""HEARTBEAT.txt is cut back to its newest part when it grows over the limit."""

MESSAGE_MAX_CHARS = 500


class Beats:
    """Writes heartbeat.json and HEARTBEAT.txt of one attempt."""

    def __init__(self, run: RunDir, attempt: str, interval_s: float) -> None:
        self._run, self._attempt, self._interval_s = run, attempt, interval_s
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="beats", daemon=True)
        self._state, self._child, self._waits_for = State.STARTING, 0, ""
        self._remark = ""
        self._gpus: Tuple[int, ...] = ()
        self._log_bytes = -1
        # Grows across attempts: readers judge liveness by a sequence that never falls back.
        self._seq = _whole((parts.read_part(run.heartbeat) or {}).get("seq"))
        self._progress_seq: Optional[int] = None
        self._changed_at = self._looked_at = time.monotonic()

    def start(self) -> None:
        """Beat now and from now on."""
        self.say(State.STARTING)
        self._thread.start()

    def say(self, state: State, child_pid: int = 0, waits_for: str = "") -> None:
        """Take a new state and beat at once."""
        with self._lock:
            self._state, self._child, self._waits_for = state, child_pid, waits_for
        if not self._ended.is_set():
            self._beat()

    def remark(self, text: str) -> None:
        """Add what people should know to this and every later beat."""
        with self._lock:
            self._remark = text
        if not self._ended.is_set():
            self._beat()

    def hold(self, gpus: Tuple[int, ...]) -> None:
        """Name in every later beat the GPUs that the work was granted."""
        with self._lock:
            self._gpus = gpus

    def close(self) -> None:
        """Stop beating; no beat follows."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _go_on(self) -> None:
        while not self._ended.wait(self._interval_s):
            self._beat()

    def _beat(self) -> None:
        with self._lock:
            self._seq += 1
            progress = self._progress()
            beat = Heartbeat(
                attempt=self._attempt,
                seq=self._seq,
                at_s=time.time(),
                interval_s=self._interval_s,
                state=self._state.value,
                pid=os.getpid(),
                child_pid=self._child,
                phase=str(progress.get("phase") or "")[:60],
                step=_whole(progress.get("step")),
                progress_seq=_whole(progress.get("seq")),
                progress_age_s=round(time.monotonic() - self._changed_at, 3) if progress else None,
                text=self._text(progress),
                waits_for=self._waits_for,
                extra={"gpus": list(self._gpus)} if self._gpus else {},
            )
            try:
                replace_file(self._run.heartbeat, beat.to_line()[:HEARTBEAT_MAX_BYTES])
                self._append(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(beat.at_s))} #{beat.seq} {beat.text}\n")
                self._index(beat.at_s)
            except OSError:
                pass

    def _text(self, progress: Dict[str, Any]) -> str:
        text = f"{self._state.value}: {self._waits_for}" if self._waits_for else _text(self._state, progress)
        return f"{text}; {self._remark}" if self._remark else text

    def _index(self, at_s: float) -> None:
        """Note how far the log has grown by now, so that it can be read from a time on."""
        log_bytes = os.path.getsize(self._run.log)
        if log_bytes != self._log_bytes:
            self._log_bytes = log_bytes
            append_line(self._run.log_index, encode({"at_s": at_s, "bytes": log_bytes, "attempt": self._attempt}))

    def _progress(self) -> Dict[str, Any]:
        """Return this attempt's newest progress ({} if none), and note when it last changed."""
        now, looked_at = time.monotonic(), self._looked_at
        self._looked_at = now
        progress = parts.read_part(self._run.progress) or {}
        if progress.get("attempt") != self._attempt:
            return {}
        if progress.get("seq") != self._progress_seq:
            self._progress_seq = progress.get("seq")
            # Since the last look; the file's own age is finer, but a clock that was set meanwhile may falsify it.
            self._changed_at = now - min(_age_s(self._run.progress), now - looked_at)
        return progress

    def _append(self, line: str) -> None:
        path = self._run.heartbeat_text
        append_line(path, line.encode("utf-8", "replace"))
        if os.path.getsize(path) > TEXT_MAX_BYTES:
            with open(path, "rb") as file:
                file.seek(-TEXT_KEPT_BYTES, os.SEEK_END)
                kept = file.read()
            replace_file(path, kept[kept.find(b"\n") + 1 :])


def _age_s(path: str) -> float:
    try:
        return max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError:
        return 0.0


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(state: State, progress: Dict[str, Any]) -> str:
    """Return the beat for people: `running, train, step 40 of 200, epoch 2 of 10: <message>`."""
    words = [state.value]
    if progress.get("phase"):
        words.append(str(progress["phase"])[:60])
    for name, done, total in (("step", "step", "total_steps"), ("epoch", "epoch", "total_epochs")):
        if _whole(progress.get(total)):
            words.append(f"{name} {_whole(progress.get(done))} of {progress[total]}")
    message = " ".join(str(progress.get("message") or "").split())[:MESSAGE_MAX_CHARS]
    return ", ".join(words) + (f": {message}" if message else "")
