"""What a job on a node that was out of sight looks at, before it goes on and before it writes its end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from remote.onhost import tenure
from remote.onhost.cluster import environment
from remote.onhost.lock import WorkerLock, name_holder
from remote.onhost.outcome import Outcome
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim
from remote.onhost.tenure import JobTenure
from wire.records import JobRecord, RunSpec, StopRequest
from wire.run_dir import Root, replace_file
from wire.state import State

RUN = "20260101T000000-abcdef0-1f2e"
SPEC = RunSpec(RUN, "demo-1a2b", "w", "n0nce", ("true",), "", launcher={"kind": "slurm"}, restart_limit=1)


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return Claim(str(tmp_path), "demo-1a2b", "w", RUN, 1, "n0nce")


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Signals that the supervisor would get, in place of this process."""
    sent: list[int] = []
    monkeypatch.setattr(tenure.os, "kill", lambda _pid, number: sent.append(number))
    return sent


@pytest.fixture
def job(claim: Claim, signals: list[int], monkeypatch: pytest.MonkeyPatch) -> JobTenure:
    """Job 7, which has the worker."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    record(claim, 1, "n0nce", "7")
    name(claim, RUN, 1)
    return JobTenure(claim, SPEC, -1)


def record(claim: Claim, number: int, nonce: str, job: str) -> None:
    attempt = claim.run_dir.attempt(number)
    os.makedirs(attempt.path, exist_ok=True)
    replace_file(attempt.job, JobRecord(f"{RUN}.{number}", nonce, 5, 1, "", 1.0, job).to_line())


def name(claim: Claim, run: str, number: int) -> None:
    with WorkerLock(Root(claim.root).worker_lock(claim.project, claim.worker)) as lock:
        name_holder(lock.descriptor, run, f"{run}.{number}", "any")


def test_who_has_the_worker_goes_on(job: JobTenure, signals: list[int]) -> None:
    job.start()
    job.close()
    assert not job.fenced and not signals


@pytest.mark.parametrize("overtaken", ["newer attempt", "other job", "other run"])
def test_who_has_it_no_more_ends_and_writes_nothing(
    job: JobTenure, claim: Claim, signals: list[int], overtaken: str
) -> None:
    if overtaken == "newer attempt":
        record(claim, 2, "nonce-2", "8")
    elif overtaken == "other job":
        record(claim, 1, "n0nce", "8")
    else:
        name(claim, "20260102T000000-abcdef0-2a2a", 1)
    job.start()
    job.close()
    assert job.fenced and signals == [signal.SIGTERM]


def test_it_looks_once_more_before_its_end(job: JobTenure, claim: Claim) -> None:
    """Else, woken at its time limit, it would put its next attempt into the folder of the one that runs."""
    job.start()
    record(claim, 2, "nonce-2", "8")
    job.close()
    assert job.fenced


def test_a_wish_of_before_it_began_is_heard_before_the_work_begins(
    job: JobTenure, claim: Claim, signals: list[int]
) -> None:
    replace_file(claim.run_dir.stop, StopRequest(f"{RUN}.1", "ada", 1.0, False, {}).to_line())
    job.start()
    assert signals == [signal.SIGTERM]
    job.close()
    assert not job.fenced


def test_at_its_limit_it_waits_for_slurm_no_longer_than_it_has(
    job: JobTenure, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of that, it would be lost, and not stopped at its limit."""
    now, waited = [1000.0], []

    def submit(_claim: Claim, _spec: RunSpec, _lock: int, patience_s: float) -> str:
        waited.append(patience_s)
        raise Refusal("cluster_silent", "Slurm says nothing")

    monkeypatch.setattr(tenure.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(tenure.jobs, "submit", submit)
    os.makedirs(claim.run_dir.attempts, exist_ok=True)
    job.warned()  # two minutes before
    for later_s in (60.0, 50.0, 40.0):
        now[0] += later_s
        end = job.ended(Outcome(State.STOPPED, 143, ""), 0, wished=False)
        assert end.reason == "Slurm's time limit; the next attempt could not be submitted: Slurm says nothing"
        assert not Path(claim.run_dir.attempt(2).path).exists()
    assert waited == [45.0, 5.0, 5.0]


def test_nobodys_filters_hide_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"SQUEUE_PARTITION", "SQUEUE_STATES", "SCANCEL_STATE", "SINFO_PARTITION", "SLURM_JOB_ID"}
    kept = {"SLURM_CONF", "SBATCH_ACCOUNT"}
    for key in gone | kept:
        monkeypatch.setenv(key, "x")
    assert environment().keys() & (gone | kept) == kept
