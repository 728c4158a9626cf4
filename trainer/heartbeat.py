"""HEARTBEAT.txt of a run that nobody supervises: one line every 30 seconds, from a thread of its own."""

from __future__ import annotations

import os
import threading
import time

from wire.codec import WireError, read_object
from wire.run_dir import RunDir, append_line
from wire.state import BEAT_INTERVAL_S


class Heartbeat:
    """Beats until `close`. A beat carries the last progress, so a hung run is seen to stand still."""

    def __init__(self, run: RunDir, interval_s: float = BEAT_INTERVAL_S) -> None:
        self._run, self._interval_s = run, interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while True:
            self._append()
            if self._ended.wait(self._interval_s):
                return

    def _append(self) -> None:
        try:
            progress = read_object(self._run.progress) or {}
            stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
            line = f"{stamp} pid {os.getpid()} step {progress.get('step', 0)} {progress.get('message', '')}"
            append_line(self._run.heartbeat_text, line.encode())
        except (OSError, WireError):
            pass

    def close(self) -> None:
        """Write a last beat and end the thread."""
        self._ended.set()
        self._thread.join(5)
        self._append()
