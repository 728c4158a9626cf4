"""The folder of a new attempt: everything that it needs to record its end, before anything of it exists."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Iterator

from remote.onhost import parts
from wire.codec import encode
from wire.records import EXIT_BYTES, RunSpec
from wire.run_dir import AttemptDir, RunDir, replace_file


@contextlib.contextmanager
def prepared(run: RunDir, number: int, spec: RunSpec, resume: bool) -> Iterator[None]:
    """Make everything that the attempt needs to record its end; without a job record at the end, take it away.

    The caller holds the worker's lock.
    """
    attempt = run.attempt(number)
    try:
        os.makedirs(run.path, mode=0o700, exist_ok=True)
        if not resume:
            replace_file(run.spec, encode(spec.to_dict()))
        # Left by a launch that died here before its supervisor spoke; we hold the lock, so nobody uses it.
        shutil.rmtree(attempt.path, ignore_errors=True)
        os.makedirs(attempt.path, mode=0o700)
        _allocate_exit(attempt)
        for path in (run.log, attempt.log):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
        yield
    except BaseException:
        if parts.read_part(attempt.job) is None:
            shutil.rmtree(attempt.path if resume else run.path, ignore_errors=True)
        raise


def _allocate_exit(attempt: AttemptDir) -> None:
    """Reserve the exit record's bytes now, so that a disk that fills up later cannot lose how the run ended."""
    descriptor = os.open(attempt.exit, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b" " * (EXIT_BYTES - 1) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
