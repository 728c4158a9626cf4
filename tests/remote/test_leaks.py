"""After hundreds of commands, syncs and reconnects nothing is left: descriptor, task, process, session slot."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from remote.embedded import shared
from remote.errors import FarSideError, Unreachable
from remote.fleet import Fleet
from remote.snapshot import Link
from remote.transfer import sync_run
from tests.fixtures.project import make_project
from tests.fixtures.ssh import FarHost

MAX_SESSIONS = 10
"""OpenSSH's own, which the embedded server is told to have too."""
ROUND = 20
"""What is done in one round: sixteen commands, three syncs, a reconnect."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")


def descriptors() -> Counter[str]:
    """What this process has open, by kind."""
    found: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found[os.readlink(entry).partition("[")[0]] += 1
    return found


def tasks() -> Counter[str]:
    return Counter(getattr(task.get_coro(), "__qualname__", repr(task)) for task in asyncio.all_tasks())


def processes(home: Path) -> Counter[str]:
    """Those that live in the test's home, and every descendant of this process, by their command."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if f"HOME={home}\0".encode() in (entry / "environ").read_bytes():
                    found.add(int(entry.name))
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    commands: Counter[str] = Counter()
    for pid in (found | family) - {os.getpid()}:
        with contextlib.suppress(OSError):
            commands[Path(f"/proc/{pid}/comm").read_text().strip()] += 1
    return commands


def held(home: Path) -> dict[str, Counter[str]]:
    gc.collect()
    return {"descriptors": descriptors(), "tasks": tasks(), "processes": processes(home)}


async def until(found: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait for something that needs a moment, such as a process's end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while not found():
                await asyncio.sleep(0.05)
    assert found(), what()


async def one_round(fleet: Fleet, name: str, run: Path, local: Path) -> None:
    """Commands that end well, fail, are late, print too much and are given up; syncs; a lost connection."""
    link, far = fleet.connection(name), fleet.far(name)
    done = await asyncio.gather(*(link.run(f"exit {code}") for code in range(13)))
    assert [command.code for command in done] == list(range(13))
    with pytest.raises(Unreachable, match="no answer"):
        await link.run("exec sleep 600", timeout_s=0.05)
    with pytest.raises(FarSideError, match="printed over"):
        await link.run("exec cat /dev/zero", max_bytes=1000)
    given_up = asyncio.ensure_future(link.run("exec sleep 600"))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    for _ in range(3):
        await sync_run(link, far, str(run), local)
    (await link.ssh()).abort()
    await until(lambda: fleet.links()[name].link is not Link.LIVE, lambda: "the loss was not noticed")
    fleet.retry_now(name)
    await until(lambda: fleet.links()[name].link is Link.LIVE, lambda: f"not back: {fleet.links()[name]}")
    await fleet.settled([name])


async def slots_are_free(fleet: Fleet, name: str) -> None:
    """As many sessions as the host allows open at once: all but the follower's."""
    link = fleet.connection(name)
    opened = [await link.open("exec cat") for _ in range(MAX_SESSIONS - 1)]
    for process in opened:
        process.close()
    await asyncio.gather(*(process.wait_closed() for process in opened))


@pytest.mark.slow  # 5 s
async def test_nothing_is_left_of_forty_operations(embedded: FarHost, short_tmp: Path) -> None:
    await nothing_is_left(embedded, short_tmp, 40)


@pytest.mark.slow  # two to ten minutes a host
@pytest.mark.timeout(3600)
async def test_nothing_is_left_of_two_thousand_operations(far_host: FarHost, short_tmp: Path) -> None:
    await nothing_is_left(far_host, short_tmp, 2000)


async def nothing_is_left(far_host: FarHost, short_tmp: Path, operations: int) -> None:
    """Count, do, count again: first with the follower still connected, then after the fleet was closed."""
    shared().faults.max_sessions = MAX_SESSIONS
    name = far_host.host.name
    fleet = Fleet(make_project(short_tmp / "project", far_host.host).profile)
    run = short_tmp / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "last.pt").write_bytes(os.urandom(1000))
    closed = held(far_host.home)
    await fleet.start(sync=False)
    await one_round(fleet, name, run, short_tmp / "local")  # what is made once: modules, threads, the host's folders
    begun = held(far_host.home)
    for _ in range(operations // ROUND):
        await one_round(fleet, name, run, short_tmp / "local")

    def difference(before: dict[str, Counter[str]]) -> str:
        return str({what: now - before[what] for what, now in held(far_host.home).items() if now - before[what]})

    await until(lambda: difference(begun) == "{}", lambda: f"left over: {difference(begun)}")
    await slots_are_free(fleet, name)
    await until(lambda: difference(begun) == "{}", lambda: f"left over by open sessions: {difference(begun)}")
    await fleet.close()
    await until(lambda: difference(closed) == "{}", lambda: f"left over after the end: {difference(closed)}")


async def test_a_slot_that_is_held_is_noticed(
    embedded: FarHost, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof above would fail if one session were never given back."""
    monkeypatch.setattr("remote.connection.OPEN_TRIES", 2)
    shared().faults.max_sessions = MAX_SESSIONS
    fleet = Fleet(make_project(short_tmp / "project", embedded.host).profile)
    kept = [await fleet.connection("local").open("exec cat") for _ in range(2)]
    with pytest.raises(FarSideError, match="refuses to open another session"):
        await slots_are_free(fleet, "local")
    assert len(kept) == 2
    await fleet.close()
