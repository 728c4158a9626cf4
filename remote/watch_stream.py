"""The follower's stream without I/O: bytes in, JSON objects out, every length capped.

Before the magic line there may be anything (a login banner, a shell's greeting). After it comes one zlib stream of
JSON lines. Bytes of a host are never trusted: a bomb is inflated piece by piece, an over-long line is skipped up to
its end, a broken line is a warning, and only a broken zlib stream ends the reading.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from wire.codec import LINE_MAX_BYTES, WireError, decode

MAGIC = b"TVF1\n"
BANNER_MAX_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
"""So much is inflated at a time; between two pieces the caller may let others run."""
WARNINGS_KEPT = 20
LINE_LIMIT = LINE_MAX_BYTES + 4096


class StreamBroken(Exception):
    """What comes is not a follower's stream (no magic line, or damaged compression)."""


class FollowerStream:
    """Takes apart what one follower sends. `feed` yields messages; `None` between pieces is a place to pause."""

    def __init__(self) -> None:
        self.started = False
        self.banner = b""
        """What came before the magic line."""
        self.warnings: list[str] = []
        """What was wrong since the caller last emptied the list."""
        self._inflate = zlib.decompressobj()
        self._line = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[dict[str, Any] | None]:
        """Yield the messages that `data` completes. Raises `StreamBroken`."""
        if not self.started:
            data = self._after_magic(data)
        piece = b""
        while data or len(piece) == PIECE_BYTES:
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as exc:
                raise StreamBroken(f"the follower's stream is damaged ({exc})") from exc
            data = self._inflate.unconsumed_tail
            yield from self._lines(piece)
            if len(piece) == PIECE_BYTES:
                yield None

    def _after_magic(self, data: bytes) -> bytes:
        self.banner += data
        place = self.banner.find(MAGIC)
        if place < 0:
            if len(self.banner) > BANNER_MAX_BYTES:
                raise StreamBroken("the host talks, but no follower answers")
            return b""
        rest = self.banner[place + len(MAGIC) :]
        self.banner = self.banner[:place]
        self.started = True
        return rest

    def _lines(self, piece: bytes) -> Iterator[dict[str, Any]]:
        first, *rest = piece.split(b"\n")
        self._grow(first)
        for part in rest:
            message = self._finish()
            if message is not None:
                yield message
            self._grow(part)

    def _grow(self, part: bytes) -> None:
        if self._skipping:
            return
        self._line += part
        if len(self._line) > LINE_LIMIT:
            self._skipping = True
            self._line.clear()
            self._warn(f"skipped a line of over {LINE_LIMIT} bytes")

    def _finish(self) -> dict[str, Any] | None:
        line, skipped = bytes(self._line), self._skipping
        self._line.clear()
        self._skipping = False
        if skipped or not line.strip():
            return None
        try:
            return decode(line, LINE_LIMIT)
        except WireError as exc:
            self._warn(str(exc))
            return None

    def _warn(self, text: str) -> None:
        if len(self.warnings) < WARNINGS_KEPT:
            self.warnings.append(text)
