"""Slurm's words: what its tools are asked, and what is read from text that a real cluster (22.05) printed."""

from __future__ import annotations

import dataclasses

import pytest

from remote.onhost import slurm
from remote.onhost.request import Refusal
from remote.onhost.submission import lead_s, submission
from wire.records import RunSpec

SPEC = RunSpec("r", "p", "w", "n0nce", ("true",), "", launcher={"kind": "slurm"})

QUEUE = """\
9|tv-20260101T000000-abcdef0-1f2e.1|RUNNING|1795989739|1795989739|1795993339|n1|None
13|tv-20260101T000000-abcdef0-2a2a.1|PENDING|1795989800|1795993339|1795996939||Resources
12|wrap|CANCELLED|1795989700|1795989701|1795989760|n[1-2]|Priority, or (so|it) says
14|later|PENDING|1795989800|N/A|N/A||BeginTime
16_[1-4]|array|PENDING|1795989800|N/A|N/A||None
slurm_load_jobs error: Socket timed out on send/recv operation
2|s.sh|FAILED|1795989058|1795989058|1795989058|n1|JobLaunchFailure
"""


def test_the_queue_in_its_own_words() -> None:
    jobs = slurm.queue(QUEUE)
    assert list(jobs) == ["9", "13", "12", "14", "2"]
    assert jobs["9"] == slurm.Job("9", "tv-20260101T000000-abcdef0-1f2e.1", "RUNNING", "", "n1", 1795989739.0)
    assert (jobs["13"].reason, jobs["13"].start_s, jobs["13"].nodes) == ("Resources", 1795993339.0, "")
    assert jobs["12"].reason == "Priority, or (so|it) says"
    assert jobs["14"].start_s is None
    assert jobs["2"].reason == "JobLaunchFailure"


def test_what_is_in_a_hidden_partition_is_asked_for_too() -> None:
    """Seen with a real cluster: without `-a` an ordinary user's own job in such a partition is not listed."""
    assert all("-a" in words for words in (slurm.QUEUE, slurm.PARTITIONS, slurm.search("r.1")))


def test_a_word_of_next_year_is_a_job_that_has_a_node() -> None:
    assert {"CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "NEW_WORD"}.isdisjoint(slurm.PENDING | slurm.OVER)


def test_partitions_of_several_kinds_of_nodes_are_added_up() -> None:
    found = slurm.partitions(
        "main|up|infinite|2|(null)\ngpu|up|1-00:00:00|3|gpu:a100:4\ngpu|up|1-00:00:00|1|gpu:h100:8\nx|drain|1|0|(null)\n"
    )
    assert found == [
        slurm.Partition("main", True, "infinite", 2),
        slurm.Partition("gpu", True, "1-00:00:00", 4, "gpu:a100:4, gpu:h100:8"),
        slurm.Partition("x", False, "1", 0),
    ]


@pytest.mark.parametrize(
    ("text", "job"),
    [("123\n", "123"), ("123;cluster\n", "123"), ("a banner\n7\n", "7"), ("", ""), ("Submitted batch job 7", "")],
)
def test_the_number_of_a_submitted_job(text: str, job: str) -> None:
    assert slurm.submitted(text) == job


def test_a_job_is_found_again_by_its_nonce_alone() -> None:
    text = "20|CANCELLED|n0nce\n21|PENDING|n0nce2\n22|RUNNING|n0nce\n"
    assert slurm.found(text, "n0nce") == "22"
    assert slurm.found(text, "other") == "" == slurm.found("", "n0nce")


@pytest.mark.parametrize(
    ("said", "one_line", "next_step"),
    [
        (
            "sbatch: error: invalid partition specified: nope\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            "invalid partition specified: nope; Batch job submission failed: Invalid partition name specified",
            "correct `slurm: partition:`; there are: main",
        ),
        (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified\n",
            "Batch job submission failed: Invalid account or account/partition combination specified",
            "correct `slurm: account:` or `qos:`",
        ),
        ("sbatch: error: Invalid generic resource (gres) specification", "Invalid generic resource (gres)", "`gpus:`"),
        ("sbatch: error: Batch job submission failed: Invalid feature specification", "feature", "constraint"),
        ("sbatch: error: Batch job submission failed: Requested time limit is invalid", "time limit", "time_min"),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available", "node", "nodes:"),
    ],
)
def test_a_refusal_is_one_line_and_the_next_step(said: str, one_line: str, next_step: str) -> None:
    complaint = slurm.complaint(said)
    assert one_line in complaint
    assert "\n" not in complaint and "sbatch" not in complaint
    assert not slurm.is_silent(complaint)
    assert next_step in slurm.advice(complaint, slurm.partitions("main|up|infinite|2|(null)\n"))


@pytest.mark.parametrize(
    "said",
    [
        "Unable to contact slurm controller (connect failure)",
        "Socket timed out on send/recv operation",
        "sbatch did not answer within 30 s",
        "Unexpected message received: communication connection failure",
    ],
)
def test_no_answer_is_no_refusal(said: str) -> None:
    assert slurm.is_silent(said)


def test_what_sbatch_is_asked() -> None:
    spec = dataclasses.replace(
        SPEC,
        launcher={"kind": "slurm", "partition": "gpu", "account": "lab", "time_min": 90, "cpus": 4},
        ranks={"nproc": 2, "nodes": 3},
        resources={"gpus": 2, "memory_mib": 512},
    )
    argv = submission(spec, "r.1", "n0nce", "/a b/100%/log", "/a b/script")
    assert argv[0] == "sbatch" and argv[-1] == "/a b/script"
    assert {
        "--parsable", "--no-requeue", "--job-name=tv-r.1", "--comment=n0nce", "--chdir=/", "--output=/a b/100%%/log",
        "--open-mode=append", "--signal=B:USR1@120", "--kill-on-invalid-dep=yes", "--export=NONE", "--partition=gpu",
        "--account=lab", "--time=90", "--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=8", "--gres=gpu:2",
        "--mem=512M",
    } == set(argv[1:-1])  # fmt: skip


@pytest.mark.parametrize(
    ("limit_min", "grace_s", "lead"), [(0, 30, 120), (60, 30, 120), (2, 30, 30), (0, 300, 600), (8, 300, 120)]
)
def test_the_signal_leaves_time_for_a_checkpoint(limit_min: int, grace_s: float, lead: int) -> None:
    launcher = {"kind": "slurm", **({"time_min": limit_min} if limit_min else {})}
    assert lead_s(dataclasses.replace(SPEC, launcher=launcher, grace_s=grace_s)) == lead


@pytest.mark.parametrize("launcher", [{"partition": 7}, {"account": "a\nb"}, {"time_min": "1; rm"}, {"cpus": -1}])
def test_a_launcher_entry_that_is_none_is_refused(launcher: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        submission(dataclasses.replace(SPEC, launcher={"kind": "slurm", **launcher}), "r.1", "n", "/log", "/script")
