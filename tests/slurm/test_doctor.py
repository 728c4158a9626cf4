"""What doctor finds out about a real cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.conftest import LoginNode

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def checks(desk: LoginNode) -> dict[str, dict[str, Any]]:
    """The host's checks by their names."""
    answer = json.loads(desk.run("doctor", "far", "--json", code=None).stdout)
    (report,) = [one for one in answer["data"]["places"] if one["place"] == "far"]
    return {check["name"]: check for check in report["checks"]}


def test_a_cluster_that_is_well(desk: LoginNode) -> None:
    desk.worker(slurm={"partition": "main"})
    found = checks(desk)
    assert found["slurm"]["verdict"] == "pass" and "main (2 nodes)" in found["slurm"]["text"]
    assert found["shared storage"]["verdict"] == "pass", found["shared storage"]


def test_what_a_worker_asks_for_in_vain_and_a_silent_controller(desk: LoginNode, cluster: Cluster) -> None:
    desk.worker(slurm={"partition": "gold"})
    assert "no partition gold" in checks(desk)["partition"]["text"]
    cluster.kill("slurmctld")
    try:
        assert "does not answer" in checks(desk)["slurm"]["text"]
    finally:
        cluster.start_controller()
