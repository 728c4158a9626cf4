"""A run's files by SFTP, where rsync is missing: new and changed ones by size and time, below open descriptors.

The host names the files, so no path is ever built from what it says: each folder is an open descriptor, each name one
component that is checked, and nothing follows a link. A file that was cut off goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import asyncssh

from remote.clean import clean_bytes
from remote.partial_file import PartialFile, coming, sweep
from remote.selection import Selection

DEPTH_MAX = 16
FILES_MAX = 100_000
CHUNK_BYTES = 1024 * 1024
_SECOND_NS = 10**9
_MARK_NS = _SECOND_NS // 2


class HostileName(Exception):
    """The host names a file in a way that no file can be named."""


@dataclass
class SftpCopy:
    """One copy of `source` into a local folder; the counters grow as it goes."""

    sftp: asyncssh.SFTPClient
    selection: Selection
    bandwidth_kib: int = 0
    on_bytes: Callable[[int], None] | None = None
    on_file: Callable[[str], None] | None = None
    """Hears the name of each file before it comes, cleaned."""
    began_s: int = 0
    """The host's clock before the copy. SFTP tells whole seconds, so a file of this second or later may change again
    without a trace: it is marked by a fraction of a second, and comes once more next time."""
    files: int = 0
    received: int = 0
    skipped: list[str] = field(default_factory=list)
    """Files over the size limit and folders over `DEPTH_MAX`, cleaned."""
    failed: list[str] = field(default_factory=list)
    """Files that the host does not let us read, cleaned."""
    _seen: int = 0

    async def run(self, source: bytes, folder: int) -> None:
        """Copy what is new below `source` into the open folder. Raises `HostileName`, SFTPError, OSError."""
        await self._folder(source, folder, ())

    async def _folder(self, source: bytes, folder: int, parents: tuple[bytes, ...]) -> None:
        entries = [entry async for entry in self._entries(source)]
        for name, attrs in sorted(entries, key=lambda entry: entry[0]):
            mode = attrs.permissions or 0
            path = (*parents, name)
            shown = b"/".join(path)
            if not self.selection.takes(os.fsdecode(shown), stat.S_ISDIR(mode)):
                continue
            try:
                if stat.S_ISDIR(mode) and len(path) >= DEPTH_MAX:
                    self.skipped.append(clean_bytes(shown))
                elif stat.S_ISDIR(mode):
                    with _subfolder(folder, name) as inner:
                        await self._folder(source + b"/" + name, inner, path)
                elif stat.S_ISREG(mode):
                    await self._file(source + b"/" + name, folder, path, attrs)
            except asyncssh.SFTPNoSuchFile:
                continue  # it went away meanwhile
            except asyncssh.SFTPPermissionDenied:
                self.failed.append(clean_bytes(shown))
        sweep(folder)

    async def _entries(self, source: bytes) -> AsyncIterator[tuple[bytes, asyncssh.SFTPAttrs]]:
        async for entry in self.sftp.scandir(source):
            name = (
                entry.filename
                if isinstance(entry.filename, bytes)
                else entry.filename.encode("utf-8", "surrogateescape")
            )
            if name in (b".", b".."):
                continue
            check_name(name)
            self._seen += 1
            if self._seen > FILES_MAX:
                raise HostileName(f"more than {FILES_MAX} files in one run")
            yield name, entry.attrs

    async def _file(self, source: bytes, folder: int, path: tuple[bytes, ...], attrs: asyncssh.SFTPAttrs) -> None:
        name, size, when = path[-1], attrs.size or 0, int(attrs.mtime or 0)
        if size > self.selection.max_file_bytes:
            self.skipped.append(clean_bytes(b"/".join(path)))
            return
        if _is_same(folder, name, size, when):
            return
        if self.on_file is not None:
            self.on_file(clean_bytes(b"/".join(path)))
        lasting = when < self.began_s
        with coming(folder, name, size, when, lasting=lasting) as part:
            await self._content(source, part, size)
            part.becomes(name, when * _SECOND_NS + (0 if lasting else _MARK_NS))
        self.files += 1

    async def _content(self, source: bytes, part: PartialFile, size: int) -> None:
        """Copy the bytes up to `size`, not what is appended meanwhile."""
        came, started = 0, time.monotonic()
        async with self.sftp.open(source, "rb") as file:
            while part.done < size:
                data = await file.read(min(CHUNK_BYTES, size - part.done), part.done)
                if not isinstance(data, bytes) or not data:
                    break
                part.append(data)
                came += len(data)
                self.received += len(data)
                if self.on_bytes is not None:
                    self.on_bytes(self.received)
                if self.bandwidth_kib:
                    await asyncio.sleep(max(0.0, came / (self.bandwidth_kib * 1024) - (time.monotonic() - started)))


def check_name(name: bytes) -> None:
    """Raise `HostileName` unless `name` is one plain component of a path."""
    if not name or name in (b".", b"..") or b"/" in name or any(byte < 32 or byte == 127 for byte in name):
        raise HostileName(f"the host names a file {clean_bytes(name)!r}")


@contextlib.contextmanager
def _subfolder(folder: int, name: bytes) -> Iterator[int]:
    """Open (or make) a folder inside an open one; a link in its place is an error."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        yield inner
    finally:
        os.close(inner)


def _is_same(folder: int, name: bytes, size: int, when: int) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size and found.st_mtime_ns == when * _SECOND_NS
