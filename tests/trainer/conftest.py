"""One thread for torch, and two ways to run the command: as a process, and here, where torch is imported already."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir
from pathlib import Path
from unittest.mock import patch

import pytest

from trainer.__main__ import main

REPOSITORY = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[bytes]"]
Command = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """The machine is shared, and results must not depend on how many cores it has."""
    import torch

    torch.set_num_threads(1)


def without_pictures() -> AbstractContextManager[object]:
    """A run ends without pictures meanwhile: they take longer than a small run."""
    return patch("trainer.analysis.pictures.draw", lambda *_: [])


@pytest.fixture
def plain() -> Iterator[None]:
    """For tests that look at no picture."""
    with without_pictures():
        yield


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
        with process:
            process.kill()


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Wait for the end, as long as pytest lets the test run; return exit status and everything it said."""
    output, _ = process.communicate()
    return process.returncode, output.decode()


def run_here(folder: Path, *words: str, **extra: str) -> int:
    """Do what `python -m trainer WORDS` in a folder does; return the exit status. Signals and umask are put back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    mask = os.umask(0o022)
    try:
        with chdir(folder), patch.dict(os.environ, environment(**extra), clear=True):
            return main(words)
    finally:
        os.umask(mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `trainer ARGS` in tmp_path, in this process; return exit status and everything it said."""

    def run(*words: str, **extra: str) -> tuple[int, str]:
        code = run_here(tmp_path, *words, **extra)
        return code, "".join(capfd.readouterr())

    return run
