"""Large files that must survive a crash: written under a temporary name, seen on the disk, then renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from trainer.fence import demand_newest
from wire.run_dir import TEMPORARY_PREFIX


def write_durably(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace `path` by what `write` puts into a file. Raises OSError, and `Overtaken`; the old content then stays."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        demand_newest(path)
        temporary.replace(path)
    except RuntimeError as exc:
        # torch says a full disk in its own way
        temporary.unlink(missing_ok=True)
        raise OSError(f"cannot write {path}: {exc}") from exc
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
