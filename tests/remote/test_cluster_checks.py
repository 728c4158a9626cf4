"""What doctor makes of a cluster's answers, and of what the workers ask of it."""

from __future__ import annotations

from typing import Any

import pytest

from remote.checks import Verdict
from remote.cluster_checks import cluster
from remote.profiles import Worker

MAIN = {"name": "main", "up": True, "limit": "infinite", "nodes": 2, "gpus": ""}
GPU = {"name": "gpu", "up": False, "limit": "1-00:00:00", "nodes": 4, "gpus": "gpu:a100:4"}
GOOD: dict[str, Any] = {
    "version": "22.05.8", "trouble": "", "partitions": [MAIN, GPU], "accounts": ["lab"], "shared": True, "why": "",
}  # fmt: skip


def worker(**more: Any) -> Worker:
    return Worker("w", "w", "h", "main", command=("true",), **more)


def test_a_host_of_processes_has_no_cluster() -> None:
    assert cluster(None, [worker()], "/r") == []


def test_all_is_well() -> None:
    asks = worker(launcher={"kind": "slurm", "partition": "gpu", "account": "lab"}, resources={"gpus": 2})
    found = cluster(GOOD, [asks], "/r")
    assert [check.verdict for check in found] == [Verdict.PASS, Verdict.PASS]
    assert found[0].text == "Slurm 22.05.8, partitions main (2 nodes), gpu (4 nodes, gpu:a100:4, down)"


@pytest.mark.parametrize(
    ("change", "asks", "text"),
    [
        ({"version": "", "trouble": "sbatch: No such file or directory"}, {}, "no sbatch that works here"),
        ({"trouble": "sinfo did not answer within 5 s"}, {}, "the controller does not answer"),
        ({"shared": False, "why": "cat: /r/x: No such file or directory"}, {}, "a node does not see /r"),
        ({"why": "it lacks /opt/py"}, {}, "but it lacks /opt/py"),
        ({}, {"launcher": {"partition": "main,nope"}}, "there is no partition nope"),
        ({}, {"launcher": {"account": "theirs"}}, "account theirs is not yours"),
        ({}, {"ranks": {"nodes": 5}}, "asks for 5 nodes"),
        ({}, {"launcher": {"partition": "main"}, "ranks": {"nodes": 3}}, "asks for 3 nodes"),
        ({}, {"launcher": {"partition": "main"}, "resources": {"gpu": 0}}, "asks for GPUs"),
    ],
)
def test_what_is_wrong_is_named_with_the_mend(change: dict[str, Any], asks: dict[str, Any], text: str) -> None:
    (bad,) = [check for check in cluster({**GOOD, **change}, [worker(**asks)], "/r") if check.verdict is Verdict.FAIL]
    assert text in bad.text and bad.mend


def test_a_full_cluster_is_no_fault() -> None:
    full = {**GOOD, "shared": None, "why": "Unable to allocate resources: Immediate execution impossible"}
    assert cluster(full, [], "/r")[-1].verdict is Verdict.WARN
