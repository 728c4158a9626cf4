"""A file that is on its way: what came of it before the connection broke is gone on from.

The name of a part tells by a digest of which file it is, by name, size and time; a file that changed begins anew. Who
writes one holds a lock on it, so two copies at once do not mix.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from wire.run_dir import TEMPORARY_PREFIX

PART_PREFIX = f"{TEMPORARY_PREFIX}part-".encode()
_OPEN = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_CREAT | os.O_EXCL


@dataclass
class PartialFile:
    """Opened for the bytes from `done` on."""

    folder: int
    name: bytes
    descriptor: int
    done: int

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self.done += len(data)

    def becomes(self, name: bytes, mtime_ns: int) -> None:
        """Put the file in its place, whole."""
        os.utime(self.descriptor, ns=(mtime_ns, mtime_ns))
        os.replace(self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)


@contextlib.contextmanager
def coming(folder: int, name: bytes, size: int, mtime_s: int, *, lasting: bool = True) -> Iterator[PartialFile]:
    """The part of a file in an open folder. What has come stays if the context is left by an error, but the disk's own
    (it may be full), and unless it is not `lasting`: a file that may change without a trace. Nothing of it is no part.
    """
    digest = hashlib.sha256(b"%d %d %s" % (size, mtime_s, name)).hexdigest()[:32]
    part = _opened(folder, PART_PREFIX + digest.encode(), size)
    try:
        yield part
    except BaseException as exc:
        if not lasting or not part.done or (isinstance(exc, OSError) and not isinstance(exc, ConnectionError)):
            with contextlib.suppress(OSError):
                os.unlink(part.name, dir_fd=folder)
        raise
    finally:
        os.close(part.descriptor)


def sweep(folder: int) -> None:
    """Remove the parts of files that nobody is copying now."""
    for name in filter(lambda name: name.startswith(PART_PREFIX), map(os.fsencode, os.listdir(folder))):
        with contextlib.suppress(OSError):
            descriptor = os.open(name, _OPEN, dir_fd=folder)
            try:
                if _is_ours(descriptor):
                    os.unlink(name, dir_fd=folder)
            finally:
                os.close(descriptor)


def _opened(folder: int, name: bytes, size: int) -> PartialFile:
    """The part of that name, or a new one: of another name where this one is no part or somebody is writing it."""
    other = PART_PREFIX + secrets.token_hex(16).encode()
    for candidate, how in ((name, 0), (name, _NEW)):
        with contextlib.suppress(OSError):
            descriptor = os.open(candidate, _OPEN | how, 0o600, dir_fd=folder)
            if _is_ours(descriptor) and (done := os.lseek(descriptor, 0, os.SEEK_END)) <= size:
                return PartialFile(folder, candidate, descriptor, done)
            os.close(descriptor)
    return PartialFile(folder, other, os.open(other, _OPEN | _NEW, 0o600, dir_fd=folder), 0)


def _is_ours(descriptor: int) -> bool:
    """Whether it is a plain file of one name that nobody else is writing; then nobody will until it is closed."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or facts.st_uid != os.geteuid():
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
