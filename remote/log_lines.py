"""A run's log as a stream of whole lines, each once: what `logs -f` prints.

After a reconnect the follower sends the end of the log again; what was already handed on is recognised by its place
in the file. A line that has no end yet is kept until it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remote.clean import clean

LogCallback = Callable[[list[str], int], None]
"""Called with new lines, cleaned, and the number of bytes that were skipped before them."""


class LogLines:
    """Takes `lines` messages of one worker's log, already checked by `remote.fold`."""

    def __init__(self, callback: LogCallback) -> None:
        self._callback = callback
        self._file = ("", 0)
        self._end = 0
        self._open = ""

    def take(self, message: Mapping[str, Any]) -> None:
        """Hand on what is new in this message."""
        lines, start = list(message["lines"]), int(message["start"])
        file = (str(message["run"]), int(message["inode"]))
        if file != self._file or message["end"] < self._end:
            self._file, self._end, self._open = file, 0, ""
        while lines and start < self._end:
            start += len(lines.pop(0).encode("utf-8", "replace")) + 1
        if not lines:
            return
        if self._open and start == self._end:
            lines[0] = self._open + lines[0]
        self._open = lines.pop() if message.get("partial") is True else ""
        skipped = int(message.get("skipped") or 0) if start >= self._end else 0
        self._end = int(message["end"])
        if lines or skipped:
            self._callback([clean(line) for line in lines], skipped)
