"""A verb of a host that somebody watches: its messages as they come. Who stops listening ends it there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from remote.clean import clean
from remote.errors import FarSideError
from remote.watch_stream import FollowerStream, StreamBroken
from wire.codec import encode

if TYPE_CHECKING:
    from remote.fleet import Fleet

READ_BYTES = 64 * 1024


async def streamed(fleet: Fleet, host: str, verb: str, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
    """Yield what the verb says until it is over, or the connection is: only its own last message tells which.

    Nothing of it is cleaned yet. Raises `FarSideError` for a refusal, and the connection's errors at the start. To be
    closed (`contextlib.aclosing`), as whoever leaves early must not leave the verb running.
    """
    import asyncssh

    link, far, stream = fleet.connection(host), fleet.far(host), FollowerStream()
    await far.ready()
    process = await link.open(far.command(verb))
    try:
        process.stdin.write(encode(dict(request)))
        while data := await process.stdout.read(READ_BYTES):
            for message in stream.feed(data):
                if message is not None and message.get("k") == "refused":
                    raise _refusal(host, message)
                if message is not None:
                    yield message
        await process.wait_closed()
    except StreamBroken as exc:
        raise FarSideError(f"{host}: {exc}", code="far_crash") from exc
    except (asyncssh.Error, OSError):
        return
    finally:
        process.close()


def _refusal(host: str, message: Mapping[str, Any]) -> FarSideError:
    text, hint, code = (clean(str(message.get(key, ""))) for key in ("message", "hint", "code"))
    return FarSideError(f"{host}: {text}", hint=hint, code=code)
