"""What several tests of the control plane begin with."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import FarHost


@pytest.fixture
def project(embedded: FarHost, short_tmp: Path) -> Project:
    """A small git project whose workers live on the embedded host."""
    return make_project(short_tmp / "project", embedded.host)


@pytest.fixture
def silent_port(home: Path) -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]
