"""A controller that forgets: what has ended stays as it ended, long after Slurm knows nothing of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import wait_for
from tests.slurm.cluster import Cluster, install
from tests.slurm.conftest import LoginNode

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One that forgets an ended job at its next look, within a minute or so."""
    if why := install():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="tvs-"))
    with Cluster(folder, remembers_s=2) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


def test_what_slurm_has_forgotten_is_as_it_ended(desk: LoginNode, cluster: Cluster) -> None:
    command = ["{python}", "work.py"]
    workers = {
        "done": {"branch": "exp/done", "command": [*command, str(desk.go)]},
        "killed": {"branch": "exp/killed", "command": [*command, str(desk.home / "never")]},
    }
    desk.profile(workers)
    desk.run("launch", "done", "killed")
    for worker in workers:
        desk.becomes("running", worker)
    desk.go.touch()
    desk.becomes("completed", "done")
    desk.kill_supervisor("killed")
    desk.becomes("lost", "killed")
    wait_for(lambda: not cluster.jobs(), "Slurm's forgetting", 200)
    assert desk.row("done")["state"] == "completed"
    row = desk.row("killed")
    assert row["state"] == "lost" and "FAILED" in str(row), row
