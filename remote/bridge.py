"""Lets git and rsync on this laptop use the SSH connection that is already there, instead of an `ssh` of their own.

    git push / rsync -e  ->  bridge_helper  ==(two file descriptors, SCM_RIGHTS)==>  Bridge  ->  a channel  ->  host

The helper is only a messenger: a bridge is opened for one purpose (a `Door`), which recognises the one command that
it serves and says itself what runs on the host. Paths never travel through git's URLs or rsync's arguments.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import shlex
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from remote import bridge_helper
from remote.bridge_socket import frame, peer_uid, private_folder, receive
from remote.clean import clean, clean_text
from remote.doors import Door
from remote.errors import RemoteError, Unreachable

if TYPE_CHECKING:
    import asyncssh

    from remote.connection import Connection
    from remote.relay import Relay

logger = logging.getLogger(__name__)

REQUEST_WAIT_S = 10.0
HELPER_WAIT_S = 2.0
STDERR_MAX_BYTES = 64 * 1024


class Bridge:
    """Async context: a private socket that serves one kind of command over `connection`."""

    def __init__(self, connection: Connection, door: Door, *, on_received: Callable[[int], None] | None = None) -> None:
        self._connection = connection
        self._door = door
        self._on_received = on_received
        self._token = secrets.token_hex(32)
        self._tasks: set[asyncio.Task[None]] = set()
        self._folder = Path()
        self._listener: socket.socket | None = None
        self._stderr = bytearray()
        self.received = 0
        """Bytes that came from the host."""
        self.sent = 0
        self.code: int | None = None
        """Exit code of the last command on the host."""
        self.error: RemoteError | None = None
        """Why a command could not run or did not end: the connection's own trouble."""

    async def __aenter__(self) -> Bridge:
        self._folder = private_folder()
        path = str(self._folder / "s")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._listener.bind(path)
        finally:
            os.umask(before)
        self._listener.listen(16)
        self._listener.setblocking(False)
        script = " ".join(shlex.quote(part) for part in (sys.executable, "-I", "-S", bridge_helper.__file__))
        with os.fdopen(os.open(self._folder / "rsh", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f'exec {script} "$@"\n')
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def command(self) -> str:
        """What git (`GIT_SSH_COMMAND`) and rsync (`-e`) start; no executable bit, so it works on a noexec /tmp."""
        return f"sh {self._folder}/rsh"

    @property
    def environment(self) -> dict[str, str]:
        """What the helper must find in its environment."""
        return {bridge_helper.SOCKET: str(self._folder / "s"), bridge_helper.TOKEN: self._token}

    @property
    def stderr(self) -> str:
        """What the host's commands said on stderr, cleaned."""
        return clean_text(self._stderr.decode("utf-8", "replace"))

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        link.setblocking(False)
        task = asyncio.ensure_future(self._guest(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guest(self, link: socket.socket) -> None:
        descriptors: list[int] = []
        try:
            command = await self._admit(link, descriptors)
            if command is not None:
                await self._serve(link, command, descriptors)
                return
            with contextlib.suppress(OSError):
                link.send(frame(b"E", b"the bridge refuses this command\n") + frame(b"X", b"\xff"))
        except Exception as exc:
            logger.exception("a command of the bridge failed")
            self.error = RemoteError(f"{self._connection.host.name}: the bridge failed: {clean(repr(exc))}")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
            link.close()

    async def _admit(self, link: socket.socket, descriptors: list[int]) -> str | None:
        """The command for the host, if the guest is this user, knows the token and asks for what we serve."""
        try:
            async with asyncio.timeout(REQUEST_WAIT_S):
                token, *argv = await receive(link, descriptors)
        except (TimeoutError, OSError, ValueError):
            return None
        known = hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token.encode())
        if peer_uid(link) != os.getuid() or not known or len(descriptors) != 2:
            return None
        return self._door(argv)

    async def _serve(self, link: socket.socket, command: str, descriptors: list[int]) -> None:
        from remote.relay import Relay

        reader, writer = await asyncio.open_unix_connection(sock=link)
        relay = Relay(self._count, lambda data: self._tell(writer, data))
        try:
            stdin, stdout = descriptors
            descriptors.clear()
            await relay.attach(stdin, stdout)
            self.code = await self._run(relay, command, reader)
            # The code goes before the end of the output, so that rsync reports 127 and not its own 12.
            writer.write(frame(b"X", bytes([255 if self.code is None else self.code])))
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(HELPER_WAIT_S):
                    await reader.read()
            relay.close()
            await relay.output_closed
        finally:
            relay.abort()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _run(self, relay: Relay, command: str, reader: asyncio.StreamReader) -> int | None:
        """Run the command until it ends and return its code; if the helper goes first, so does the command."""
        try:
            relay.start(await self._open(relay, command))
        except RemoteError as exc:
            self.error = exc
            return None
        gone = asyncio.ensure_future(reader.read())
        try:
            waiting: list[asyncio.Future[Any]] = [gone, relay.ended]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not relay.ended.done():
                # The helper was killed, so nobody wants the rest of the output either.
                relay.abort()
            code = await relay.ended
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        if code is None:
            self.error = Unreachable(f"{self._connection.host.name}: connection lost during a transfer")
        return code

    async def _open(self, relay: Relay, command: str) -> asyncssh.SSHClientChannel[bytes]:
        from remote.ssh_options import BULK

        async def start(ssh: asyncssh.SSHClientConnection) -> asyncssh.SSHClientChannel[bytes]:
            channel, _ = await ssh.create_session(
                lambda: relay, command, encoding=None, window=BULK["window"], max_pktsize=BULK["max_pktsize"]
            )
            return channel

        return await self._connection.channel(start)

    def _count(self, received: int, sent: int) -> None:
        self.received += received
        self.sent += sent
        if received and self._on_received is not None:
            self._on_received(self.received)

    def _tell(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        room = STDERR_MAX_BYTES - len(self._stderr)
        if room > 0:
            self._stderr += data[:room]
            writer.write(frame(b"E", clean_text(data[:room].decode("utf-8", "replace")).encode()))
