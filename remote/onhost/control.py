"""The follower's ear: requests from stdin on a thread of its own, whose end is ours.

The main thread may hang in a write to a dead connection. So it is this thread that leaves at EOF, or after a silence:
a half-open link would leave an orphan on the host otherwise.
"""

from __future__ import annotations

import collections
import os
import select
import threading
from typing import Any, Deque, Dict, List, Optional

from wire.codec import WireError, decode

LINE_MAX_BYTES = 4 * 1024 * 1024
"""Offsets of many workers make a long request."""


class Control:
    """Reads JSON lines from `source`; `descriptor` is readable while requests wait."""

    def __init__(self, source: int, silence_s: float) -> None:
        self._source, self._silence_s = source, silence_s
        self._requests: Deque[Dict[str, Any]] = collections.deque()
        self.descriptor, self._wake = os.pipe()
        for descriptor in (self.descriptor, self._wake):
            os.set_blocking(descriptor, False)

    def start(self) -> None:
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def requests(self) -> List[Dict[str, Any]]:
        """Return what was asked since the last call."""
        try:
            os.read(self.descriptor, 4096)
        except BlockingIOError:
            return []
        found = []
        while self._requests:
            found.append(self._requests.popleft())
        return found

    def _listen(self) -> None:
        pending = b""
        while True:
            data = self._read()
            if not data:
                os._exit(0)
            *lines, pending = (pending + data).split(b"\n")
            if len(pending) > LINE_MAX_BYTES:
                os._exit(1)
            for line in lines:
                request = _decoded(line)
                if request is not None:
                    self._requests.append(request)
            try:
                os.write(self._wake, b"!")
            except BlockingIOError:
                pass  # it is readable already

    def _read(self) -> bytes:
        """Return what came; b"" at EOF, at an error and after a silence."""
        try:
            ready = select.select([self._source], [], [], self._silence_s)[0]
            return os.read(self._source, 64 * 1024) if ready else b""
        except OSError:
            return b""


def _decoded(line: bytes) -> Optional[Dict[str, Any]]:
    try:
        return decode(line, LINE_MAX_BYTES) if line.strip() else None
    except WireError:
        return {"op": "bad"}
