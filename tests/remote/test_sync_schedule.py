"""What comes home, when, and what a sync that cannot go on says: nothing is lost, nothing is asked for too often."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote import laptop_disk, runs, sync_retry, sync_schedule, synced, verify
from remote.errors import FarSideError, RemoteError, UsageError
from remote.farside import FarSide
from remote.fleet import Fleet
from remote.lacking import lacking
from remote.profiles import SyncPolicy
from remote.snapshot import RunSnapshot, SyncPhase, SyncStatus
from remote.sync_retry import Retries
from tests.fixtures.project import Project
from tests.remote.test_listing import RUN, run_folder
from tests.remote.test_transfer import METHODS, force
from wire.records import ExitRecord, RunSpec
from wire.run_dir import RunDir

OLDER = "20250101T000000-3f2a91c-aaaa"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_schedule, "LOOK_BACK_AFTER_S", 0.0)
    monkeypatch.setattr(sync_retry, "LOOK_FOR_ROOM_S", 0.05)


def a_run(project: Project, run: str = RUN, **files: int) -> RunDir:
    """A run on the host that ended long ago, with files of these sizes in its folder of checkpoints."""
    where = run_folder(Path(project.profile.hosts["local"].root), project.profile.project_id, run=run)
    Path(where.spec).write_text("{}")
    Path(where.log).write_text("said\n")
    Path(where.attempt(1).exit).write_bytes(ExitRecord(f"{run}.1", "completed", 0, 5.0).to_line())
    os.makedirs(where.checkpoints)
    for name, size in {"best": 3000, **files}.items():
        (Path(where.checkpoints) / f"{name}.pt").write_bytes(os.urandom(size))
    return where


async def until(fleet: Fleet, found: Callable[[RunSnapshot], bool]) -> RunSnapshot:
    async with asyncio.timeout(100):
        while not found(fleet.snapshot("good")):
            await fleet.changed()
    return fleet.snapshot("good")


def policy(project: Project, **changes: object) -> Fleet:
    return Fleet(replace(project.profile, sync=replace(SyncPolicy(), **changes)))  # type: ignore[arg-type]


async def test_runs_that_ended_while_the_laptop_was_away_come_home(project: Project) -> None:
    a_run(project, OLDER)
    a_run(project)
    home = project.profile.results / "good"
    fleet = Fleet(project.profile)
    seen: list[SyncStatus] = []
    fleet.subscribe(lambda row: seen.append(row.sync))
    await fleet.start(["good"])
    async with asyncio.timeout(100):
        while not synced.came_home(home / OLDER, 1):
            await asyncio.sleep(0.05)
    row = await until(fleet, lambda row: row.sync.phase is SyncPhase.DONE)
    assert row.sync.folder == str(home / RUN) and (home / RUN / "training.log").exists()
    assert (home / OLDER / "checkpoints" / "best.pt").stat().st_size == 3000
    assert OLDER in {status.run for status in seen}, "the row says which run is on its way"
    mark = synced.read(home / OLDER)
    assert mark is not None and mark.complete and set(mark.digests) == {"best.pt"}
    newest = synced.read(home / RUN)
    assert newest is not None and newest.complete

    shutil.rmtree(home / OLDER)
    assert await lacking(fleet, "local") == [], "who removed it here does not want it back"
    assert synced.read(home / OLDER) is None
    again = await runs.sync(fleet, "good", earlier=await runs.kept_run(fleet, "good", OLDER))
    assert again.files > 0 and (home / OLDER / "training.log").exists()
    with pytest.raises(UsageError, match="has no run"):
        await runs.kept_run(fleet, "good", "20250101")
    await fleet.close()


@pytest.mark.slow  # 2 s
async def test_the_host_collects_before_the_newest_run_comes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in (OLDER, RUN):
        where = a_run(project, run)
        spec = RunSpec(run, project.profile.project_id, "good", "n", ("true",), "/nowhere", collect=("out/*",))
        Path(where.spec).write_bytes(spec.to_line())
    asked: list[tuple[str, str]] = []
    real = FarSide.call

    async def call(far: FarSide, verb: str, request: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        asked.append((verb, request.get("run", "")))
        return await real(far, verb, request, **more)

    monkeypatch.setattr(FarSide, "call", call)
    fleet = Fleet(project.profile)
    await runs.sync(fleet, "good")
    [earlier] = await runs.earlier_runs(fleet, "good")
    await runs.sync(fleet, "good", earlier=earlier)
    assert [run for verb, run in asked if verb == "collect"] == [RUN]
    assert await runs.earlier_runs(fleet, "good") == []
    await fleet.close()


@pytest.mark.slow  # 1 s
async def test_earlier_runs_may_be_left_there(project: Project) -> None:
    a_run(project, OLDER)
    a_run(project)
    fleet = policy(project, earlier=False)
    await runs.sync(fleet, "good")
    assert [one.run for one in await runs.earlier_runs(fleet, "good")] == [OLDER]
    assert await fleet.syncs._bring_earlier("local") is False
    await fleet.close()


@pytest.mark.slow  # 3 s
@pytest.mark.parametrize("method", METHODS)
async def test_a_checkpoint_that_differs_is_found_and_fetched_again(
    project: Project, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    there = Path(a_run(project).checkpoints) / "best.pt"
    fleet = Fleet(project.profile)
    await runs.sync(fleet, "good")
    here = project.profile.results / "good" / RUN / "checkpoints" / "best.pt"
    facts = here.stat()
    content = bytearray(here.read_bytes())
    content[1000] ^= 1
    here.write_bytes(content)
    os.utime(here, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert (await runs.sync(fleet, "good")).files == 1
    assert here.read_bytes() == there.read_bytes() and os.listdir(here.parent) == ["best.pt"]

    asked: list[str] = []
    real = verify.digest_of

    def wrong(path: str) -> dict[str, object]:
        asked.append(path)
        return {**(real(path) or {}), "sha256": "0"}

    monkeypatch.setattr(verify, "digest_of", wrong)
    assert (await runs.sync(fleet, "good")).files == 0 and asked == [], "what was proved is not read again"
    os.utime(here, ns=(facts.st_mtime_ns + 10**9, facts.st_mtime_ns + 10**9))
    with pytest.raises(FarSideError) as caught:
        await runs.sync(fleet, "good")
    assert caught.value.code == "bad_checkpoint" and "best.pt" in str(caught.value)
    assert not here.exists(), "what is known to be wrong is not kept under a name that is read"
    await fleet.close()


@pytest.mark.slow  # 1 s
async def test_a_quota_leaves_the_largest_files_there_and_says_so(project: Project) -> None:
    a_run(project, last=3 * 2**20)
    fleet = policy(project, quota_bytes=2**20)
    result = await runs.sync(fleet, "good")
    home = project.profile.results / "good" / RUN
    assert result.skipped == ("checkpoints/last.pt",) and os.listdir(home / "checkpoints") == ["best.pt"]
    mark = synced.read(home)
    assert mark is not None and not mark.complete and mark.left_out == result.skipped
    assert synced.came_home(home, 1) and fleet.snapshot("good").sync.left_out == 1
    await fleet.close()


@pytest.mark.slow  # 2 s
async def test_a_full_disk_pauses_and_goes_on_by_itself(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    a_run(project)
    free = [400 * 2**20]
    real = shutil.disk_usage
    monkeypatch.setattr(laptop_disk.shutil, "disk_usage", lambda path: real(path)._replace(free=free[0]))
    fleet = Fleet(project.profile)
    await fleet.start(["good"])
    row = await until(fleet, lambda row: row.sync.phase is SyncPhase.PAUSED)
    assert row.sync.error == "this disk waits for 1.1 GiB free, has 0.4" and row.sync.retry_at is not None
    free[0] = 700 * 2**20
    await until(fleet, lambda row: row.sync.phase is SyncPhase.PAUSED and "has 0.7" in row.sync.error)
    free[0] = 2**31
    row = await until(fleet, lambda row: row.sync.phase is SyncPhase.DONE)
    assert (project.profile.results / "good" / RUN / "checkpoints" / "best.pt").exists()
    await fleet.close()


@pytest.mark.slow  # mounts a file system
@pytest.mark.skipif(os.getuid() != 0 or shutil.which("mount") is None, reason="only root mounts")
async def test_a_disk_that_is_really_full_pauses(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    a_run(project, last=4 * 2**20)
    results = project.profile.results
    results.mkdir(mode=0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(results)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no mount here: {mounted.stderr.decode()}")
    try:
        monkeypatch.setattr(laptop_disk, "FREE_FLOOR_BYTES", 0)
        monkeypatch.setattr(sync_retry, "RESUME_BYTES", 2**20)
        fleet = Fleet(project.profile)
        await fleet.start(["good"])
        row = await until(fleet, lambda row: row.sync.phase is SyncPhase.PAUSED)
        assert row.sync.error
        subprocess.run(["mount", "-o", "remount,size=64m", str(results)], check=True)
        await until(fleet, lambda row: row.sync.phase is SyncPhase.DONE)
        await fleet.close()
    finally:
        subprocess.run(["umount", str(results)], check=True)


@pytest.mark.slow  # 1 s
async def test_two_processes_take_turns(project: Project) -> None:
    a_run(project)
    home = project.profile.results / "good" / RUN
    (home.parent / synced.FOLDER).mkdir(parents=True)
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    lock = str(home.parent / synced.FOLDER / f"{RUN}.lock")
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", script, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        other.stdout.readline()
        fleet = Fleet(project.profile)
        task = asyncio.create_task(runs.sync(fleet, "good"))
        await until(fleet, lambda row: row.sync.waits)
        assert not task.done() and not home.exists()
        other.stdin.close()
        assert (await task).files > 0
    await fleet.close()


async def test_what_fails_is_tried_again_later_each_time(project: Project) -> None:
    now = [100.0]
    fleet = Fleet(project.profile, clock=lambda: now[0])
    retries, status = Retries(fleet), SyncStatus(SyncPhase.RUNNING)
    waits = []
    for _ in range(7):
        told = retries.failed("good", status, "", RemoteError("no"))
        assert told.retry_at is not None and told.phase is SyncPhase.FAILED
        waits.append(told.retry_at - now[0])
        assert not retries.is_due("good")
        now[0] = told.retry_at
        assert retries.is_due("good")
    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]
    retries.forget("good")
    assert not retries.waiting("good")
    assert retries.failed("good", status, OLDER, RemoteError("no")).error == f"earlier run {OLDER}: no"
    assert not retries.waiting("good"), "an earlier run holds up nothing"
    await fleet.close()


async def test_a_full_disk_is_looked_at_now_and_then(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    now, free = [100.0], [400 * 2**20]
    real = shutil.disk_usage
    monkeypatch.setattr(laptop_disk.shutil, "disk_usage", lambda path: real(path)._replace(free=free[0]))
    monkeypatch.setattr(sync_retry, "LOOK_FOR_ROOM_S", 10.0)
    fleet = Fleet(project.profile, clock=lambda: now[0])
    retries = Retries(fleet)
    error = laptop_disk.no_space(project.folder)
    told = retries.failed("good", SyncStatus(SyncPhase.RUNNING), "", error)
    assert (told.phase, told.retry_at) == (SyncPhase.PAUSED, 110.0)
    assert told.error == "this disk waits for 1.1 GiB free, has 0.4"
    fleet.synced("good", told)
    retries.forget("good")
    assert retries.waiting("good"), "a host that is back makes no room here"
    now[0], free[0] = 111.0, 700 * 2**20
    assert not retries.is_due("good")
    row = fleet.snapshot("good").sync
    assert (row.error, row.retry_at) == ("this disk waits for 1.1 GiB free, has 0.7", 121.0)
    now[0], free[0] = 122.0, 2**31
    assert retries.is_due("good")
    told = retries.failed("good", told, "", error)
    assert told.phase is SyncPhase.PAUSED and told.error == error.message, "a quota of the file system: no figure tells"
    await fleet.close()


async def test_one_sync_of_a_run_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []

    async def one(name: str) -> None:
        async with synced.claim(tmp_path / "w" / "r", lambda: order.append(f"{name} waits")):
            order.append(f"{name} begins")
            await asyncio.sleep(0.01)
            order.append(f"{name} ends")

    await asyncio.gather(one("a"), one("b"))
    assert order == ["a begins", "b waits", "a ends", "b begins", "b ends"]


@pytest.mark.parametrize("bad", [b"", b"{}", b"[]", b'{"run":"r"}', b'{"run":"r","complete":1,"digests":[]}', b"\xff"])
def test_a_mark_that_makes_no_sense_is_none(bad: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    assert synced.read(folder) is None
    mark = synced.Mark("r", True, {"best.pt": {"sha256": "a", "size": 1}}, 2, ("big",))
    synced.write(folder, mark)
    assert synced.read(folder) == mark and synced.came_home(folder, 2) and not synced.came_home(folder, 3)
    other = folder.with_name("other")
    other.mkdir()
    (tmp_path / synced.FOLDER / "other.json").write_bytes((tmp_path / synced.FOLDER / "r.json").read_bytes())
    assert synced.read(other) is None, "a mark is of one run"
    synced.write(other, synced.Mark("other"))
    assert not synced.came_home(other, 0), "it was fetched while it went on"
    (tmp_path / synced.FOLDER / "r.json").write_bytes(bad)
    assert synced.read(folder) is None and not synced.came_home(folder, 1)
