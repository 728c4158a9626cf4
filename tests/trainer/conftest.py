"""One thread for torch, and a way to run the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """The machine is shared, and results must not depend on how many cores it has."""
    import torch

    torch.set_num_threads(1)


def environment(**extra: str) -> dict[str, str]:
    """The environment of a trainer process that no control plane started."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TRAJVID_")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", **extra}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start `python -m trainer ARGS` in tmp_path; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*words: str, **extra: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "trainer", *words],
            cwd=tmp_path,
            env=environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Wait for the end; return exit status and everything it said."""
    output, _ = process.communicate(timeout=100)
    return process.returncode, output.decode()
