"""The private socket of a bridge: who is at the other end, what they say, which descriptors they hand over."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import re
import socket
import struct
import tempfile
from pathlib import Path

from remote.errors import RemoteError

REQUEST_MAX_BYTES = 128 * 1024
_SOCKET_PATH_MAX = 100
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./+-]*\Z")


def peer_uid(link: socket.socket) -> int:
    """User id of the process at the other end (Linux: SO_PEERCRED, macOS and BSD: LOCAL_PEERCRED)."""
    if hasattr(socket, "SO_PEERCRED"):
        return int(struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
    local, peer_credentials = 0, 1
    return int(struct.unpack_from("2I", link.getsockopt(local, peer_credentials, 76))[1])


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


async def receive(link: socket.socket, descriptors: list[int]) -> list[str]:
    """The helper's message; its descriptors are added to `descriptors` as they come, also if the rest is bad."""
    data = b""
    size = 4
    while len(data) < size:
        await _readable(link)
        more, ancillary, _, _ = link.recvmsg(65536, socket.CMSG_LEN(4 * 4))
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                descriptors.extend(received)
        if not more:
            raise ValueError("the helper left")
        data += more
        if len(data) >= 4:
            size = 4 + int.from_bytes(data[:4], "big")
            if size > REQUEST_MAX_BYTES:
                raise ValueError("the request is too long")
    return data[4:size].decode("utf-8", "surrogateescape").split("\0")


async def _readable(link: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(link.fileno(), wake)
    try:
        await ready
    finally:
        loop.remove_reader(link.fileno())


def private_folder() -> Path:
    """A new folder of mode 0700 whose path is short (a socket's limit) and plain (rsync splits `-e` at spaces)."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):
        if _PLAIN_PATH.match(parent) and len(parent) < _SOCKET_PATH_MAX - 16:
            with contextlib.suppress(OSError):
                return Path(tempfile.mkdtemp(prefix="tv-", dir=parent))
    raise RemoteError("no folder for a private socket", hint="make /tmp writable, or set TMPDIR to a short path")
