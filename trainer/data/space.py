"""Room on the disk: asked for before the first byte, and told plainly when it ends in the middle."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import DataError

MARGIN_BYTES = 32 * 1024**2
"""Left free beside what is written: for the small files, and for whoever else uses the disk."""


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raise `DataError` unless the disk of `folder` (which need not exist yet) takes so much and the margin."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed_bytes + MARGIN_BYTES > free:
        raise DataError(
            f"{folder}: {in_words(needed_bytes)} and a margin of {in_words(MARGIN_BYTES)} are needed, "
            f"but {in_words(free)} are free on its disk",
            hint="make room, ask for fewer or smaller clips, or name another place with --out",
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full or failing disk into a `DataError` that says how to go on."""
    try:
        yield
    except OSError as exc:
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DataError(
            f"{folder}: {'the disk is full' if full else f'cannot be written: {exc.strerror or exc}'}",
            hint="make room and give the same command again: it goes on from there" if full else "choose another place",
        ) from exc


def in_words(count: int) -> str:
    """Return a number of bytes as a person reads it, in powers of 1000."""
    if count < 1000:
        return f"{count} bytes"
    power = min(4, (len(str(count)) - 1) // 3)
    return f"{count / 1000**power:.3g} {' kMGT'[power]}B"
