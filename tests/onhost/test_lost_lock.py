"""The worker's lock, while it is held by the supervisor of a job on a node that nobody reaches."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from remote.onhost import cluster, lock
from remote.onhost.cluster import Queue
from remote.onhost.lock import WorkerLock, name_holder
from remote.onhost.request import Refusal
from remote.onhost.slurm import Job
from wire.records import JobRecord
from wire.run_dir import Root, replace_file

PROJECT, WORKER, RUN = "demo-1a2b", "w", "20260101T000000-abcdef0-1f2e"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    """A run whose job Slurm knows no more, and a patience for tests."""
    root = Root(str(tmp_path))
    run = root.run(PROJECT, WORKER, RUN)
    Path(run.attempt(1).path).mkdir(parents=True)
    record = JobRecord(f"{RUN}.1", "n0nce", 0, 0, "", 1000.0, "7", extra={"submitted_s": 1000.0})
    replace_file(run.attempt(1).job, record.to_line())
    monkeypatch.setattr(lock, "ORPHANS_AFTER_S", 0.1)
    monkeypatch.setattr(lock, "PATIENCE_S", 0.5)
    say(monkeypatch)
    return root


def say(monkeypatch: pytest.MonkeyPatch, *jobs: Job, trouble: str = "") -> None:
    """Let Slurm say this."""
    answer = Queue({job.job: job for job in jobs}, time.time(), trouble)
    monkeypatch.setattr(cluster, "ask", lambda before: answer)


def opened(root: Root) -> WorkerLock:
    return WorkerLock(root.worker_lock(PROJECT, WORKER))


@pytest.fixture
def held(root: Root) -> WorkerLock:
    """The supervisor's hold."""
    found = opened(root)
    assert found.take()
    name_holder(found.descriptor, RUN, f"{RUN}.1", "n0nce")
    return found


def test_its_place_is_taken_by_one_launch_alone(root: Root, held: WorkerLock) -> None:
    first, second = opened(root), opened(root)
    assert first.take_or_find(root, PROJECT, WORKER) is None
    with pytest.raises(Refusal) as caught:
        second.take_or_find(root, PROJECT, WORKER)
    assert caught.value.code == "orphans"
    assert first.take(), "the first has it still"


def test_who_opened_it_before_looks_again(root: Root, held: WorkerLock) -> None:
    early, first = opened(root), opened(root)
    assert first.take_or_find(root, PROJECT, WORKER) is None
    held.__exit__()
    assert not early.take(), "the file that it opened is nobody's any more"


def test_a_launch_after_a_lost_job_is_not_taken_for_its_supervisor(root: Root, held: WorkerLock) -> None:
    held.__exit__()
    first, second = opened(root), opened(root)
    assert first.take_or_find(root, PROJECT, WORKER) is None
    with pytest.raises(Refusal):
        second.take_or_find(root, PROJECT, WORKER)
    assert first.take()


@pytest.mark.parametrize("trouble", ["", "squeue did not answer within 5 s"])
def test_a_job_that_lives_or_of_which_nobody_knows_has_the_worker(
    root: Root, monkeypatch: pytest.MonkeyPatch, held: WorkerLock, trouble: str
) -> None:
    say(monkeypatch, Job("7", "tv", "RUNNING"), trouble=trouble)
    with opened(root) as one:
        found = one.take_or_find(root, PROJECT, WORKER)
    assert found is not None and found["attempt"] == f"{RUN}.1"


def test_a_job_that_waits_has_the_worker_although_nobody_holds_the_lock(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, Job("7", "tv", "PENDING", "Resources"))
    with opened(root) as one:
        found = one.take_or_find(root, PROJECT, WORKER)
    assert found is not None and (found["attempt"], found["pid"]) == (f"{RUN}.1", 0)
