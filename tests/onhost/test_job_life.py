"""Whether a job lives: by the queue and the beats, and never by silence."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import life, slurm
from remote.onhost.cluster import Cluster, Queue
from wire.cluster import ClusterJob
from wire.codec import encode
from wire.records import Heartbeat, JobRecord
from wire.run_dir import RunDir
from wire.state import State

ATTEMPT = "20260101T000000-abcdef0-1f2e.1"
SUBMITTED_S = 1000.0
RECORD = JobRecord(ATTEMPT, "n0nce", 0, 0, "", SUBMITTED_S, "7", extra={"submitted_s": SUBMITTED_S})


class Said(Cluster):
    """A cluster that says what it is told to."""

    def __init__(self, *jobs: slurm.Job, asked_s: float = SUBMITTED_S + 1, trouble: str = "") -> None:
        super().__init__()
        self._said = Queue({job.job: job for job in jobs}, asked_s, trouble)

    def queue(self) -> Queue:
        return self._said


def job(state: str, reason: str = "", nodes: str = "") -> slurm.Job:
    return slurm.Job("7", f"tv-{ATTEMPT}", state, reason, nodes)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    (tmp_path / "attempts" / "1").mkdir(parents=True)
    return RunDir(str(tmp_path))


def beat(run: RunDir, age_s: float, attempt: str = ATTEMPT) -> None:
    Path(run.heartbeat).write_bytes(Heartbeat(attempt, 1, 0.0, 30.0, "running", 5).to_line())
    at = time.time() - age_s
    os.utime(run.heartbeat, (at, at))


def judged(run: RunDir, cluster: Cluster, ended: bool = False) -> tuple[bool | None, str, ClusterJob]:
    found: Mapping[str, Any] = life.judge(run, RECORD, ended, cluster)
    return found["alive"], found["why"], ClusterJob.from_dict(found["queue"])


def test_a_job_that_waits_says_why_in_the_words_of_slurm(run: RunDir) -> None:
    alive, _, told = judged(run, Said(job("PENDING", "Resources")))
    assert (alive, told.run_state, told.told(False)) == (True, State.QUEUED, "Slurm: PENDING (Resources)")


@pytest.mark.parametrize("word", ["CONFIGURING", "RUNNING", "A_WORD_OF_NEXT_YEAR"])
def test_a_job_with_a_node_starts_until_it_speaks(run: RunDir, word: str) -> None:
    alive, _, told = judged(run, Said(job(word, nodes="n1")))
    assert (alive, told.run_state, told.told(False)) == (True, State.STARTING, f"Slurm: {word} on n1")
    assert told.told(True) == ("" if word == "RUNNING" else f"Slurm: {word} on n1")


def test_a_controller_that_is_down_is_no_failure(run: RunDir) -> None:
    judged(run, Said(job("PENDING", "Priority"), asked_s=SUBMITTED_S + 30))
    alive, _, told = judged(run, Said(asked_s=0.0, trouble="squeue did not answer within 5 s"))
    assert (alive, told.run_state) == (None, State.QUEUED)
    since = time.strftime("%H:%M UTC", time.gmtime(SUBMITTED_S + 30))
    said = f"Slurm is unknown since {since} (squeue did not answer within 5 s); it last said PENDING (Priority)"
    assert told.told(False) == said
    assert judged(run, Said(job("RUNNING"), asked_s=SUBMITTED_S + 60))[2].trouble == ""


def test_an_answer_that_is_older_than_the_job_says_nothing_of_it(run: RunDir) -> None:
    alive, why, told = judged(run, Said(asked_s=SUBMITTED_S - 1))
    assert (alive, why, told.told(False)) == (None, "", "Slurm: submitted as job 7")


@pytest.mark.parametrize("word", ["FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"])
def test_a_job_that_is_over_without_an_exit_record_is_dead(run: RunDir, word: str) -> None:
    beat(run, 1.0)
    assert judged(run, Said(job(word, "NonZeroExitCode", "n1")))[:2] == (
        False,
        f"Slurm: {word} (NonZeroExitCode) on n1",
    )


def test_a_node_that_sees_no_root_is_named(run: RunDir) -> None:
    _, why, _ = judged(run, Said(job("FAILED", "JobLaunchFailure", "n2")))
    assert why.startswith("Slurm: FAILED (JobLaunchFailure) on n2: that node does not see ") and run.path in why


@pytest.mark.parametrize("said", [Said(), Said(job("NODE_FAIL", "NodeDown", "n1"))], ids=["absent", "node lost"])
def test_who_beats_is_alive_whatever_slurm_lost_sight_of(run: RunDir, said: Said) -> None:
    beat(run, 60.0)
    assert judged(run, said)[0] is True
    beat(run, 95.0)
    assert judged(run, said)[0] is False
    beat(run, 1.0, attempt="20260101T000000-abcdef0-1f2e.7")
    assert judged(run, said)[0] is False


def test_a_purged_job_keeps_its_last_words(run: RunDir) -> None:
    judged(run, Said(job("RUNNING", "", "n1")))
    assert judged(run, Said())[:2] == (False, "gone from Slurm's queue (Slurm last said RUNNING on n1)")


def test_the_exit_record_is_the_truth(run: RunDir) -> None:
    assert judged(run, Said(job("RUNNING")), ended=True)[:2] == (False, "")


def test_words_about_another_job_are_not_taken_for_its_own(run: RunDir) -> None:
    Path(run.attempt(1).queue).write_bytes(encode({"attempt": ATTEMPT, "job": "6", "state": "FAILED"}))
    assert judged(run, Said())[1] == "gone from Slurm's queue"
