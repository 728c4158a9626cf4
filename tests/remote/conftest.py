"""What several tests of the control plane begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import FarHost


@pytest.fixture
def project(embedded: FarHost, short_tmp: Path) -> Project:
    """A small git project whose workers live on the embedded host."""
    return make_project(short_tmp / "project", embedded.host)
