"""Fixtures of the far side's tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.onhost.far import Far, Following


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    """A far side with an empty root; whatever a test leaves running is ended."""
    host = Far(sys.executable, str(tmp_path / "root"))
    yield host
    host.clean_up()


@pytest.fixture
def follow(far: Far) -> Iterator[Callable[..., Following]]:
    """Start followers; they are closed at the end."""
    started: list[Following] = []

    def start(*options: str) -> Following:
        started.append(Following(far, *options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def python39() -> str:
    """The oldest Python that the far side promises to run on."""
    places = [*Path.home().glob(".pyenv/versions/3.9.*/bin/python"), shutil.which("python3.9")]
    for place in filter(None, places):
        done = subprocess.run([str(place), "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 9))"], check=False)
        if done.returncode == 0:
            return str(place)
    pytest.skip("no Python 3.9 here (pyenv, or python3.9 on the PATH)")
