"""The connection over a bad network: a link that stands still, one that is slow, one that breaks at random."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from remote.embedded import EmbeddedServer
from remote.embedded_link import PIECE_BYTES, Faults
from remote.errors import RemoteError, Unreachable
from remote.liveness import answers
from remote.profiles import Host
from remote.snapshot import Link
from tests.fixtures.ssh import connected

LOCAL = Host("local", kind="embedded")


async def test_a_link_that_stands_still_is_noticed_and_comes_back(home: Path) -> None:
    server = EmbeddedServer(faults=Faults())
    async with connected(LOCAL, server=server) as connection:
        assert (await connection.run("echo before")).stdout == b"before\n"
        server.faults.stalled = True
        with pytest.raises(Unreachable, match=r"no answer to a command within 0\.2 s"):
            await connection.run("echo lost", timeout_s=0.2)
        assert connection.status.link is Link.LIVE, "nobody told: only who asks finds out"
        assert not await answers(await connection.ssh(), 0.2)
        await connection.lost()
        assert connection.status.link is Link.OFFLINE and connection.status.reason
        server.faults.stalled = False
        assert (await connection.run("echo after")).stdout == b"after\n"
    server.faults.stalled = True
    await server.close()


async def test_a_slow_link_brings_everything_in_its_time(home: Path) -> None:
    """What takes long is no loss: as long as bytes come, nothing is given up."""
    server = EmbeddedServer(faults=Faults())
    async with connected(LOCAL, server=server) as connection:
        await connection.ssh()
        server.faults.bytes_per_s = 400_000
        data = bytes(range(256)) * 1024
        began = asyncio.get_running_loop().time()
        process = await connection.open("cat")
        process.stdin.write(data)
        process.stdin.write_eof()
        first = await process.stdout.readexactly(PIECE_BYTES)
        rest = await process.stdout.read()
        assert asyncio.get_running_loop().time() - began >= len(data) / server.faults.bytes_per_s
        assert first + rest == data
        await process.wait_closed()
    await server.close()


async def test_a_link_that_breaks_at_random_gives_whole_answers_or_errors(home: Path) -> None:
    """Never a part that looks like the whole; and the next command dials anew."""
    server = EmbeddedServer(faults=Faults())
    (home / "data").write_bytes(bytes(range(256)) * 512)
    whole = hashlib.sha256((home / "data").read_bytes()).digest()
    said, lost = 0, 0
    async with connected(LOCAL, server=server) as connection:
        for _ in range(30):
            await connection.ssh()
            server.faults.loss = 0.02
            try:
                done = await connection.run("cat data")
            except RemoteError:
                lost += 1
            else:
                assert done.code == 0 and hashlib.sha256(done.stdout).digest() == whole
                said += 1
            finally:
                server.faults.loss = 0.0
    await server.close()
    assert said and lost, "some came through, some were cut"
