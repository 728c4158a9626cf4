"""A ProxyCommand: run by the person's shell as ssh does, and heard when it complains.

asyncssh alone splits the line into words (no pipes, no `2>/dev/null`) and takes what the program says on stderr for
bytes of the host, and the end of its stderr for the end of the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any, cast

from remote.clean import clean_text

COMPLAINTS_MAX_BYTES = 16 * 1024
ENDING_S = 1.0
"""So long may a program take to end, and to say why, once its connection is over."""
_SHOWN_CHARS = 300


class ProxyProgram(asyncio.SubprocessProtocol):
    """One start of the program; what asyncssh takes for a tunnel, and for the transport through it."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: asyncio.SubprocessTransport | None = None
        self._link: Any = None
        self._complaints = bytearray()
        self._ended = asyncio.Event()
        self._closing = False

    async def create_connection(self, factory: Any, host: str, port: int) -> tuple[ProxyProgram, Any]:
        """Start the program, which knows where to connect to. Raises `OSError`."""
        self._link = factory()
        shell = os.environ.get("SHELL") or "/bin/sh"
        loop = asyncio.get_running_loop()
        await loop.subprocess_exec(lambda: self, shell, "-c", f"exec {self._command}", start_new_session=True)
        return self, self._link

    async def said(self) -> str:
        """The last lines of its stderr as one, '' for none."""
        await self.wait_closed()
        lines = clean_text(self._complaints.decode("utf-8", "replace")).split("\n")
        return " / ".join(line.strip() for line in lines if line.strip())[-_SHOWN_CHARS:]

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast(asyncio.SubprocessTransport, transport)
        self._link.connection_made(self)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._link.data_received(data)
        else:
            self._complaints += data
            del self._complaints[:-COMPLAINTS_MAX_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._link.connection_lost(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._process is not None:
            self._process.close()
        self._ended.set()

    # what asyncssh calls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes) -> None:
        stdin = self._process.get_pipe_transport(0) if self._process else None
        if stdin is not None:
            cast(asyncio.WriteTransport, stdin).write(data)

    def close(self) -> None:
        """End the program, once it had the time to say why."""
        if self._process is None or self._closing:
            return
        self._closing = True
        stdin = self._process.get_pipe_transport(0)
        if stdin is not None:
            stdin.close()
        asyncio.get_running_loop().call_later(ENDING_S, self._kill)

    def _kill(self) -> None:
        """End it with all that it started: it leads a session of its own."""
        if self._process is not None and self._process.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.get_pid(), signal.SIGKILL)

    def abort(self) -> None:
        self.close()

    async def wait_closed(self) -> None:
        """Until it has ended."""
        if self._process is not None:
            self.close()
            await self._ended.wait()
