"""Follow a file that grows by lines: from (inode, offset), so that a reconnect loses and repeats nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import List, Optional, Tuple

PIECE_BYTES = 32 * 1024
"""Read at a time: as JSON, each byte may become six."""

RECORD_MAX_BYTES = 96 * 1024
"""A longer record line is passed over: it would not fit into a message."""

BACKLOG_MAX_BYTES = 16 * 1024 * 1024
"""More history than this is not sent: its beginning is skipped."""


@dataclass(frozen=True)
class Piece:
    """Whole lines of a file, from offset `start` to `end`. `partial`: the last one has no end yet (log only)."""

    inode: int
    start: int
    end: int
    lines: Tuple[str, ...]
    skipped: int
    """Bytes that were passed over just before `start`."""
    partial: bool = False


class Lines:
    """One file's reader. `log=True`: text of any kind, the newest matters; else records, every line matters."""

    def __init__(self, path: str, inode: int = 0, offset: int = 0, log: bool = False, tail_bytes: int = 0) -> None:
        self.path, self.inode, self.offset = path, inode, offset
        self._log, self._tail_bytes = log, tail_bytes
        self._limit = tail_bytes or BACKLOG_MAX_BYTES
        self._skipped = 0

    def read(self, take_partial: bool = False) -> Optional[Piece]:
        """Return the next piece, None if there is none; call again until then.

        `take_partial` takes the unfinished last line of a log too: a progress bar never ends its line.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            self._settle(descriptor, status)
            return self._next(descriptor, status.st_size, take_partial)
        finally:
            os.close(descriptor)

    def _settle(self, descriptor: int, status: os.stat_result) -> None:
        """Start anew in another or a shortened file, and jump over what is too much to send."""
        if status.st_ino != self.inode or status.st_size < self.offset:
            self.inode, self.offset, self._skipped = status.st_ino, 0, 0
        behind = status.st_size - self.offset
        if behind > self._limit + PIECE_BYTES:
            target = status.st_size - self._limit
            first = os.pread(descriptor, PIECE_BYTES, target)
            target += first.find(b"\n") + 1
            self._skipped += target - self.offset
            self.offset = target

    def _next(self, descriptor: int, size: int, take_partial: bool) -> Optional[Piece]:
        while self.offset < size:
            data = os.pread(descriptor, PIECE_BYTES, self.offset)
            cut = data.rfind(b"\n") + 1
            if cut == 0 and len(data) == PIECE_BYTES and not self._log:
                data = os.pread(descriptor, RECORD_MAX_BYTES, self.offset)
                cut = data.find(b"\n") + 1
                if cut == 0 and len(data) == RECORD_MAX_BYTES:
                    self._pass_over(descriptor, size)
                    continue
            partial = cut == 0 and bool(data) and self._log and (take_partial or len(data) == PIECE_BYTES)
            if partial:
                cut = len(data)
            return self._piece(data[:cut], partial) if cut else None
        return None

    def _piece(self, data: bytes, partial: bool) -> Piece:
        start, self.offset = self.offset, self.offset + len(data)
        body = data if partial else data[:-1]
        lines: List[str] = [line.decode("utf-8", "replace") for line in body.split(b"\n")]
        skipped, self._skipped = self._skipped, 0
        return Piece(self.inode, start, self.offset, tuple(lines), skipped, partial)

    def _pass_over(self, descriptor: int, size: int) -> None:
        """Skip one over-long line, as far as it is written."""
        place = self.offset
        while place < size:
            data = os.pread(descriptor, 1024 * 1024, place)
            cut = data.find(b"\n") + 1
            place += cut or len(data)
            if cut or not data:
                break
        self._skipped += place - self.offset
        self.offset = place
