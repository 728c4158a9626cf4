"""The follower's voice: a magic line, then one zlib stream of JSON lines, flushed after each batch."""

from __future__ import annotations

import os
import zlib
from typing import Any, Dict, Iterable

from wire.codec import LINE_MAX_BYTES, encode

MAGIC = b"TVF1\n"
"""What comes before it (a login banner) is not ours."""


class Stream:
    """Writes batches of messages to a descriptor; a write blocks while the other end does not read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._deflate = zlib.compressobj(6)
        self._write(MAGIC)

    def send(self, messages: Iterable[Dict[str, Any]]) -> None:
        """Send messages as one batch that the reader can use at once. Raises OSError when nobody reads."""
        data = b""
        for message in messages:
            line = encode(message)
            if len(line) <= LINE_MAX_BYTES:
                data += self._deflate.compress(line)
        data += self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._write(data)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]
