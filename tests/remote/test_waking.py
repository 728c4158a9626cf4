"""After a sleep of this laptop: noticed, nothing believed, what is dead dropped within seconds, what is lost tried."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from remote.asker import Refuser
from remote.connection import Connection
from remote.embedded import EmbeddedServer
from remote.errors import FarSideError
from remote.fleet import Fleet
from remote.host_watch import WOKE
from remote.hostkeys import KnownHosts
from remote.jumps import shared_jumps
from remote.profiles import Host
from remote.snapshot import Link, LinkStatus
from remote.waking import GAP_S, Waking, sleepless_clock
from remote.watch import Watch
from tests.fixtures.flaky import Relay, relaying
from tests.fixtures.project import Project
from tests.fixtures.ssh import MockedSsh


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_sleep_is_noticed_once_and_its_length_told() -> None:
    slept: list[float] = []
    ticks = itertools.chain([0.0, 0.001, 0.001, 60.002, 60.002], itertools.repeat(60.003))
    waking = Waking(slept.append, clock=lambda: next(ticks), tick_s=0.001)
    waking.start()
    waking.start()
    await until(lambda: slept)
    await asyncio.sleep(0.02)
    waking.close()
    assert slept == [pytest.approx(60.0)]


async def test_a_late_tick_is_no_sleep() -> None:
    slept: list[float] = []
    looks = itertools.count(0)  # every tick comes nearly three seconds too late
    seen: list[int] = []

    def clock() -> float:
        seen.append(next(looks))
        return seen[-1] * GAP_S

    waking = Waking(slept.append, clock=clock, tick_s=0.001)
    waking.start()
    await until(lambda: len(seen) > 40)
    waking.close()
    assert slept == []


def test_the_clock_goes_on() -> None:
    first = sleepless_clock()
    assert sleepless_clock() >= first


@asynccontextmanager
async def behind_a_relay(mocked: MockedSsh) -> AsyncIterator[tuple[Relay, Connection]]:
    async with relaying(mocked.host.port) as relay:
        KnownHosts.default().add(mocked.host.address, relay.port, mocked.host_key)
        connection = Connection(replace(mocked.host, port=relay.port))
        try:
            yield relay, connection
        finally:
            await connection.close()


async def test_a_host_that_answers_stays_connected(mocked_ssh: MockedSsh) -> None:
    async with behind_a_relay(mocked_ssh) as (relay, connection):
        ssh = await connection.ssh()
        connection.woke()
        assert await connection.probe(0.4) and await connection.ssh() is ssh and relay.connections == 1


async def test_a_dead_host_is_dropped_at_once_and_dialled_again(mocked_ssh: MockedSsh) -> None:
    async with behind_a_relay(mocked_ssh) as (relay, connection):
        kept = asyncio.create_task(connection.keep())
        await until(lambda: connection.status.link is Link.LIVE)
        relay.stall()
        assert not await connection.probe(0.2)
        assert connection.status.link is Link.OFFLINE and "no longer answers" in connection.status.reason
        relay.heal()
        await until(lambda: connection.status.link is Link.LIVE)
        assert relay.connections == 2
        await connection.close()
        await kept


async def test_a_dial_from_before_the_sleep_is_begun_anew(mocked_ssh: MockedSsh) -> None:
    async with behind_a_relay(mocked_ssh) as (relay, connection):
        relay.stall()
        first = asyncio.create_task(connection.ssh())
        await until(lambda: relay.connections == 1)
        connection.woke()
        await until(lambda: relay.connections == 2)
        assert connection.status.link is Link.CONNECTING and not first.done()
        relay.heal()
        assert await first is await connection.ssh() and connection.status.link is Link.LIVE

        relay.cut()
        await connection.lost()
        relay.stall()
        second = asyncio.create_task(connection.ssh())
        await until(lambda: relay.connections == 3)
        connection.woke()
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        relay.heal()
        await connection.ssh()
        assert relay.connections == 4, "whoever no longer wants a connection begins none anew"


async def test_dials_through_one_gate_are_begun_anew_together(mocked_ssh: MockedSsh) -> None:
    """The first that gives its dial up must not find the gate's old one again, nor the second be given up with it."""
    jumps, dials = shared_jumps(), itertools.count(1)
    begun: list[int] = []

    async def dial() -> Any:
        begun.append(next(dials))
        if begun[-1] == 1:
            await asyncio.Event().wait()
        return await mocked_ssh.connection.ssh()

    waiting = [asyncio.create_task(jumps.lease("the gate", dial)) for _ in range(2)]
    await until(lambda: begun)
    for task in waiting:
        task.cancel()
    await asyncio.sleep(0)
    lease = await jumps.lease("the gate", dial)
    assert begun == [1, 2] and not lease.lost
    assert all(
        isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*waiting, return_exceptions=True)
    )
    lease.close()


async def test_a_question_outlives_the_sleep(mocked_ssh: MockedSsh) -> None:
    """Who types a code while the lid closes for a moment goes on typing."""
    KnownHosts.default().own.unlink()
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    asked: list[str] = []

    class Typing(Refuser):
        async def accept_host_key(self, host: str, fingerprint: str) -> bool:
            asked.append(fingerprint)
            return await answer

    connection = Connection(mocked_ssh.host, asker=Typing())
    dialled = asyncio.create_task(connection.ssh())
    await until(lambda: asked)
    connection.woke()
    await asyncio.sleep(0.05)
    answer.set_result(True)
    await dialled
    assert len(asked) == 1
    await connection.close()


async def test_a_dead_host_on_the_way_is_dropped_too(mocked_ssh: MockedSsh) -> None:
    async with behind_a_relay(mocked_ssh) as (relay, hop):
        connection = Connection(replace(mocked_ssh.host, name="behind"))
        lease = await shared_jumps().lease("the gate", hop.ssh)
        relay.stall()
        assert not await connection.probe(0.2) and shared_jumps().open() == []
        lease.close()


async def test_the_back_off_ends_with_the_sleep(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.line.BACKOFF_FIRST_S", 3600.0)
    monkeypatch.setattr("remote.line.BACKOFF_LAST_S", 3600.0)
    server = EmbeddedServer()
    server.faults.refuse_dials = 1
    connection = Connection(Host("local", kind="embedded"), server=server)
    kept = asyncio.create_task(connection.keep())
    await until(lambda: connection.status.retry_at is not None)
    connection.woke()
    await until(lambda: connection.status.link is Link.LIVE)
    await connection.close()
    await kept
    await server.close()


async def test_what_waits_for_a_person_goes_on_waiting(mocked_ssh: MockedSsh) -> None:
    KnownHosts.default().own.unlink()
    connection = mocked_ssh.connection
    kept = asyncio.create_task(connection.keep())
    await until(lambda: connection.status.link is Link.NEEDS_YOU)
    attempts = len(mocked_ssh.links)
    connection.woke()
    await asyncio.sleep(0.1)
    assert connection.status.link is Link.NEEDS_YOU and len(mocked_ssh.links) == attempts
    await connection.close()
    await kept


async def test_nothing_is_believed_before_the_host_has_answered_anew(project: Project) -> None:
    fleet = Fleet(project.profile)
    await fleet.start(sync=False)
    try:
        await until(lambda: fleet.snapshot("good").confirmed(fleet.clock()))
        told: list[LinkStatus] = []
        fleet.subscribe(lambda row: told.append(row.link))
        seen_at = fleet.snapshot("good").seen_at
        fleet.woke()
        row = fleet.snapshot("good")
        assert (row.link.link, row.link.reason) == (Link.CONNECTING, WOKE) and not row.confirmed(fleet.clock())
        assert row.seen_at == seen_at
        await until(lambda: fleet.snapshot("good").confirmed(fleet.clock()))
        assert {link.link for link in told} == {Link.CONNECTING, Link.LIVE}, "one look, and no new connection"
    finally:
        await fleet.close()


async def test_a_sleep_of_our_own_is_no_silence_of_the_host(mocked_ssh: MockedSsh) -> None:
    from tests.remote.test_watch import packed

    async def mute(process: Any) -> None:
        process.stdout.write(packed({"k": "hello"}))
        await process.stdin.read()
        process.exit(0)

    mocked_ssh.on("follow", mute)
    now = 0.0
    watch = Watch("/r", "p", lambda message: None, ask_after_s=0.01, silence_limit_s=50, clock=lambda: now)
    task = asyncio.create_task(watch.follow(lambda: mocked_ssh.connection.open("follow")))
    await asyncio.sleep(0.1)
    now = 1000.0
    await asyncio.sleep(0.1)
    assert not task.done()
    with pytest.raises(FarSideError, match="silent"):
        async with asyncio.timeout(60):
            while not task.done():
                now += 1.0
                await asyncio.sleep(0.02)
            await task
