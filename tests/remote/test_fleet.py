"""The fleet: rows from the cache, followers that come back, hosts that fail alone, results that come by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.embedded import EmbeddedServer, shared
from remote.errors import UsageError
from remote.fleet import Fleet
from remote.history import History
from remote.profiles import Host, SyncPolicy
from remote.snapshot import Link, RunSnapshot, SyncPhase
from tests.fixtures.project import Project
from wire.state import State


@pytest.fixture
async def fleet(project: Project) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile, by="ada@laptop")
    yield fleet
    project.go.touch()
    for row in fleet.snapshots():
        if row.state.active:
            await runs.kill(fleet, row.worker)
    await fleet.close()


async def until(fleet: Fleet, worker: str, found: Callable[[RunSnapshot], bool]) -> RunSnapshot:
    async with asyncio.timeout(60):
        while not found(fleet.snapshot(worker)):
            await fleet.changed()
    return fleet.snapshot(worker)


async def test_rows_begin_unconfirmed_and_in_the_order_of_the_profile(fleet: Fleet) -> None:
    rows = fleet.snapshots()
    assert [row.worker for row in rows] == ["good", "bad", "long"]
    assert {row.state for row in rows} == {State.NOT_STARTED} and rows[0].link.link is Link.UNKNOWN
    with pytest.raises(UsageError, match="no worker named 'god'") as failure:
        fleet.snapshot("god")
    assert "good" in failure.value.hint


async def test_what_makes_no_sense_is_kept_with_its_host_and_counted(fleet: Fleet) -> None:
    for _ in range(2):
        fleet.host_said("local", {"k": "run", "worker": "../\x1b[2Jx"})
    fleet.host_warned("local", "odd \x1b[31m text")
    named, odd = fleet.hosts()[0].warnings
    assert (named.text, named.times, named.host) == ("a message names no valid worker", 2, "local")
    assert odd.text.isprintable() and fleet.warnings == (named, odd)


async def test_the_host_confirms_that_nothing_runs(fleet: Fleet) -> None:
    await fleet.start()
    row = await until(fleet, "good", lambda row: row.confirmed(fleet.clock()))
    assert row.state is State.NOT_STARTED and row.facts is not None and row.facts.cpus > 0
    assert fleet.links()["local"].link is Link.LIVE


async def test_a_run_from_launch_to_results(fleet: Fleet, project: Project) -> None:
    seen: list[RunSnapshot] = []
    fleet.subscribe(seen.append)
    await fleet.start()
    launched = await runs.launch(fleet, "good")
    local = project.folder / "results" / "good" / launched.run

    def is_home(row: RunSnapshot) -> bool:
        done = row.state.final and row.sync.phase is SyncPhase.DONE
        return done and (local / "training.log").read_text() == "at first\n"

    row = await until(fleet, "good", is_home)
    assert (row.state, row.run, row.attempt) == (State.COMPLETED, launched.run, f"{launched.run}.1")
    assert row.spec is not None and row.spec.branch == "good" and row.spec.by == "ada@laptop"
    assert row.sync.folder == str(local)
    assert "reading the branch" in [row.step for row in seen] and seen[-1].step == ""
    assert not (project.folder / ".git/refs/heads/good").exists()


async def test_a_broken_subscriber_does_not_stop_the_others(fleet: Fleet) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))

    def broken(row: RunSnapshot) -> None:
        raise RuntimeError("bug")

    seen: list[RunSnapshot] = []
    fleet.subscribe(broken)
    end = fleet.subscribe(seen.append)
    fleet.note("good", "x")
    end()
    fleet.note("good", "y")
    assert len(seen) == 1 and len(told) == 2


async def test_a_lost_connection_keeps_the_rows_and_comes_back(fleet: Fleet) -> None:
    await fleet.start()
    await runs.launch(fleet, "long")
    before = await until(fleet, "long", lambda row: row.state is State.RUNNING)
    (await fleet.connection("local").ssh()).abort()
    lost = await until(fleet, "long", lambda row: row.link.link is not Link.LIVE)
    assert (lost.state, lost.run, lost.beat is not None) == (State.RUNNING, before.run, True)
    assert not lost.confirmed(fleet.clock())
    again = await until(fleet, "long", lambda row: row.link.link is Link.LIVE)
    assert again.state is State.RUNNING and again.beat is not None


async def test_cached_rows_are_shown_with_their_age_and_never_as_confirmed(project: Project, short_tmp: Path) -> None:
    file = short_tmp / "history.sqlite"
    first = Fleet(project.profile, history=History(file))
    await first.start()
    await runs.launch(first, "good")
    await until(first, "good", lambda row: row.state is State.COMPLETED)
    await first.close()
    second = Fleet(project.profile, history=History(file))
    row = second.snapshot("good")
    assert row.state is State.COMPLETED and row.cached_age_s is not None and row.seen_at is None
    assert not row.confirmed(second.clock()) and row.link.link is Link.UNKNOWN
    await second.start()
    row = await until(second, "good", lambda row: row.confirmed(second.clock()))
    assert row.state is State.COMPLETED and row.cached_age_s is None
    await second.close()
    root = Path(project.profile.hosts["local"].root)
    (root / "runs").rename(root / "elsewhere")
    third = Fleet(project.profile, history=History(file))
    assert third.snapshot("good").run
    await third.start()
    row = await until(third, "good", lambda row: row.confirmed(third.clock()))
    assert (row.state, row.run) == (State.NOT_STARTED, "") and "no run" in row.reason
    await third.close()


async def test_one_host_fails_alone(project: Project) -> None:
    profile = project.profile
    dead = Host(name="dead", address="127.0.0.1", port=1, user="nobody", root="~/.trajvid")
    workers = {**profile.workers, "far": replace(profile.workers["good"], name="far", slug="far", host="dead")}
    fleet = Fleet(replace(profile, hosts={**profile.hosts, "dead": dead}, workers=workers))
    await fleet.start()
    row = await until(fleet, "far", lambda row: row.link.link is Link.OFFLINE)
    assert row.state is State.NOT_STARTED and row.link.reason and row.link.retry_at is not None
    await until(fleet, "good", lambda row: row.confirmed(fleet.clock()))
    await fleet.close()


async def test_a_host_without_python_says_so(project: Project) -> None:
    profile = project.profile
    host = replace(profile.hosts["local"], root="/proc/nowhere")
    fleet = Fleet(replace(profile, hosts={"local": host}))
    await fleet.start()
    row = await until(fleet, "good", lambda row: row.link.link is Link.OFFLINE)
    assert row.link.reason and row.link.retry_at is not None
    await fleet.close()


async def test_active_runs_are_synced_every_so_often(project: Project) -> None:
    fleet = Fleet(replace(project.profile, sync=SyncPolicy(interval_s=0.3)))
    await fleet.start()
    launched = await runs.launch(fleet, "long")
    local = project.folder / "results" / "long" / launched.run / "HEARTBEAT.txt"
    first = await until(fleet, "long", lambda row: row.sync.at is not None and local.exists())
    later = await until(fleet, "long", lambda row: (row.sync.at or 0) > (first.sync.at or 0))
    assert later.state is State.RUNNING
    await runs.kill(fleet, "long")
    await fleet.close()


async def test_a_failed_sync_is_said_and_tried_again(fleet: Fleet, project: Project) -> None:
    fleet.profile = replace(fleet.profile, sync=SyncPolicy(interval_s=0.2))
    blocked = project.folder / "results"
    blocked.write_text("a file is in the way")
    await fleet.start()
    await runs.launch(fleet, "good")
    row = await until(fleet, "good", lambda row: row.sync.phase is SyncPhase.FAILED)
    assert row.sync.error and row.sync.at is None
    blocked.unlink()
    await until(fleet, "good", lambda row: row.sync.phase is SyncPhase.DONE)


async def test_a_worker_that_the_profile_lacks_is_shown_while_it_runs(fleet: Fleet, project: Project) -> None:
    other = Fleet(project.profile)
    await fleet.start()
    await runs.run_command(other, "local", ["sleep", "60"], name="stranger")
    async with asyncio.timeout(60):
        while "stranger" not in [row.worker for row in fleet.snapshots()]:
            await fleet.changed()
    await runs.kill(fleet, "stranger")
    await until(fleet, "stranger", lambda row: row.state is State.STOPPED)
    assert fleet.snapshots()[-1].worker == "stranger"
    await other.close()
    later = Fleet(project.profile)
    await later.start()
    await until(later, "good", lambda row: row.confirmed(later.clock()))
    assert "stranger" not in [row.worker for row in later.snapshots()] and later.snapshot("stranger").run
    await later.close()


async def test_selecting_streams_one_log_only(fleet: Fleet) -> None:
    await fleet.start()
    fleet.select("long")
    await runs.launch(fleet, "long")
    row = await until(fleet, "long", lambda row: row.log_tail == ("at first",))
    fleet.select("good")
    assert fleet.snapshot("long").log_tail == ()
    await runs.launch(fleet, "good")
    await until(fleet, "good", lambda row: row.log_tail == ("at first",))
    assert fleet.snapshot("long").log_tail == () and row.state.active


async def test_the_supervisor_killed_is_lost_with_its_reason(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.verdict.LOST_AFTER_S", 1.0)
    await fleet.start()
    await runs.launch(fleet, "long")
    row = await until(fleet, "long", lambda row: row.state is State.RUNNING and row.beat is not None)
    assert row.beat is not None
    os.kill(row.beat.pid, signal.SIGKILL)
    checking = await until(fleet, "long", lambda row: row.reason == "checking")
    assert checking.state is State.RUNNING
    lost = await until(fleet, "long", lambda row: row.state is State.LOST)
    assert "supervisor gone" in lost.reason and "still run" in lost.reason
    stopped = await runs.stop(fleet, "long")
    assert stopped.stopped and stopped.left == ()
    await until(fleet, "long", lambda row: row.state is State.STOPPED)


async def test_closing_leaves_the_runs_alone(project: Project) -> None:
    first = Fleet(project.profile)
    await first.start()
    await runs.launch(first, "long")
    row = await until(first, "long", lambda row: row.state is State.RUNNING)
    await first.close()
    assert isinstance(shared(), EmbeddedServer)
    second = Fleet(project.profile)
    await second.start()
    again = await until(second, "long", lambda row: row.state is State.RUNNING)
    assert (again.run, again.attempt) == (row.run, row.attempt)
    assert [row.worker for row in runs.what_keeps_running(second)] == ["long"]
    project.go.touch()
    await until(second, "long", lambda row: row.state is State.COMPLETED)
    await second.close()
