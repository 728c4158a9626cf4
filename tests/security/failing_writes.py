"""A disk whose N-th operation fails, once or from then on: every call of `os` that changes a file counts.

Files that are opened with `os.fdopen` are written through `os.write`, so a buffer's flush counts too.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

CHANGING = ("write", "pwrite", "replace", "rename", "mkdir", "fsync", "symlink", "link", "ftruncate")
SHORT = -1
"""In place of an errno: half of the bytes are written, the rest has no room."""


@dataclass
class Disk:
    """Fails operation `fail_at` (from 1; 0 = none) with `fault`; with `for_ever` those after it too."""

    fail_at: int = 0
    fault: int = errno.EIO
    for_ever: bool = False
    operations: int = 0
    failures: int = 0
    _real: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = {name: getattr(os, name) for name in (*CHANGING, "open", "fdopen")}
        for name in CHANGING:
            monkeypatch.setattr(os, name, self._counted(name))
        monkeypatch.setattr(os, "open", self._open)
        monkeypatch.setattr(os, "fdopen", self._fdopen)

    def mend(self) -> None:
        self.fail_at = 0

    def _fails(self) -> bool:
        self.operations += 1
        fails = bool(self.fail_at) and (
            self.operations >= self.fail_at if self.for_ever else self.operations == self.fail_at
        )
        self.failures += fails
        return fails

    def _raise(self) -> None:
        number = errno.ENOSPC if self.fault == SHORT else self.fault
        raise OSError(number, os.strerror(number))

    def _counted(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if self._fails():
                if self.fault != SHORT or name not in ("write", "pwrite") or len(arguments[1]) < 2:
                    self._raise()
                arguments = (arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], *arguments[2:])
            return self._real[name](*arguments, **more)

        return call

    def _open(self, path: Any, flags: int, *arguments: Any, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and self._fails():
            self._raise()
        return int(self._real["open"](path, flags, *arguments, **more))

    def _fdopen(self, descriptor: int, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if mode != "wb":
            return self._real["fdopen"](descriptor, mode, *arguments, **more)
        return io.BufferedWriter(_Written(descriptor))


class _Written(io.FileIO):
    """A file whose writes go through `os.write`, and so may fail."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb")

    def write(self, data: Any) -> int:
        return os.write(self.fileno(), bytes(data))


def disks(fault: int, for_ever: bool) -> Iterator[Disk]:
    """A disk that fails at its first operation, one at its second, ..., until one had nothing to fail at."""
    for number in range(1, 1000):
        disk = Disk(number, fault, for_ever)
        yield disk
        if not disk.failures:
            assert number > 1, "nothing was ever written"
            return
    raise AssertionError("it never ends")
