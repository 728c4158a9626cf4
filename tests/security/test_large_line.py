"""A host that sends one line of 100 MB, as itself and as a bomb of a few kilobytes, over a live connection."""

from __future__ import annotations

import asyncio
import resource
import zlib
from typing import Any

import pytest

from remote.watch import Watch
from remote.watch_stream import MAGIC
from tests.fixtures.ssh import MockedSsh
from tests.remote.test_watch import replying

LINE_BYTES = 100 * 1000 * 1000
PIECE = b"x" * 1_000_000


def pieces(packs: bool) -> Any:
    """The stream of one line, compressed well or not at all."""
    stream = zlib.compressobj(9 if packs else 0)
    yield stream.compress(b'{"k":"run","worker":"')
    for _ in range(LINE_BYTES // len(PIECE)):
        yield stream.compress(PIECE)
    yield stream.compress(b'"}\n{"k":"pong","t":1}\n') + stream.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.slow  # seconds: 100 MB through the cipher
@pytest.mark.parametrize("packs", [True, False], ids=["a bomb of 100 kB", "all of it"])
async def test_a_line_of_100_mb(mocked_ssh: MockedSsh, packs: bool) -> None:
    async def speak(process: Any) -> None:
        process.stdout.write(MAGIC)
        for data in pieces(packs):
            process.stdout.write(data)
            await process.stdout.drain()
        await process.stdin.read()
        process.exit(0)

    messages: list[Any] = []
    warnings: list[str] = []
    watch = Watch("/r", "p", messages.append, on_warning=warnings.append)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    following = asyncio.ensure_future(watch.follow(replying(mocked_ssh, speak)))
    async with asyncio.timeout(100):
        while not messages and not following.done():
            await asyncio.sleep(0.05)
    assert [message["k"] for message in messages] == ["pong"], "what comes after it is read"
    assert len(warnings) == 1 and "x" * 100 not in warnings[0]
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 60, f"it was kept in memory: {grown_mib:.0f} MiB"
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
