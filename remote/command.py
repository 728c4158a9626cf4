"""One short command on a host, from its start to its end, or to its death.

A channel that is only closed leaves its process running and its session slot taken, and ten of those refuse every
open. OpenSSH delivers a signal request only since 7.9 and never to root's sessions. So a command says its own
process id first, and one that is given up is killed by a second command.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shlex
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remote.clean import clean_text
from remote.errors import FarSideError, Unreachable

if TYPE_CHECKING:
    import asyncssh

CHUNK_BYTES = 64 * 1024
STDERR_BYTES = 64 * 1024
REAP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Completed:
    """A remote command that has ended."""

    code: int
    """Exit status; 128 + n after signal n, 255 if the host did not say."""
    stdout: bytes
    stderr: str
    """Cleaned, at most its first 64 KiB."""


def obeys_signals(ssh: asyncssh.SSHClientConnection) -> bool:
    """True for our own kind of server, where a signal request always arrives."""
    return "AsyncSSH" in str(ssh.get_extra_info("server_version", ""))


def announced(command: str, tag: str) -> str:
    """`command` for any login shell (also csh: no line end of ours inside quotes), its process id on stderr first."""
    return "exec /bin/sh -c " + shlex.quote(f'echo "{tag}:$$" >&2; {command}')


def new_tag() -> str:
    """A word that no command prints by chance."""
    return "trajvid-pid-" + secrets.token_hex(8)


class RunningCommand:
    """A command whose output is being read."""

    def __init__(
        self,
        host: str,
        ssh: asyncssh.SSHClientConnection,
        process: asyncssh.SSHClientProcess[bytes],
        tag: str,
        limit: int,
    ) -> None:
        self._host = host
        self._ssh = ssh
        self._process = process
        self._limit = limit
        self._pid = asyncio.get_running_loop().create_future() if tag else None
        self._announcement = re.compile(rb"(?m)^" + re.escape(tag.encode()) + rb":([0-9]{1,10})\n")
        self._stderr = b""
        self._reading = [asyncio.ensure_future(self._read_stdout()), asyncio.ensure_future(self._read_stderr())]

    @property
    def ended(self) -> bool:
        """True if the host said how the command ended."""
        return self._process.exit_status is not None or self._process.exit_signal is not None

    async def finish(self, data: bytes) -> Completed:
        """Give `data` as input and wait for the end. Raises `Unreachable` or `FarSideError`."""
        import asyncssh

        feeding = asyncio.ensure_future(self._feed(data))
        try:
            # Shielded: a cancelled command is still read until its process id has come (`reap`).
            stdout, _ = await asyncio.gather(*map(asyncio.shield, self._reading))
            await self._process.wait_closed()
        except (asyncssh.Error, OSError) as exc:
            raise Unreachable(f"{self._host}: the connection was lost during a command") from exc
        except OverflowError as exc:
            raise FarSideError(f"{self._host}: a command printed over {self._limit} bytes", code="too_long") from exc
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        if not self.ended and self._ssh.is_closed():
            raise Unreachable(f"{self._host}: the connection was lost during a command")
        return Completed(exit_code(self._process), stdout or b"", clean_text(self._stderr.decode("utf-8", "replace")))

    async def reap(self) -> None:
        """Close the channel; a command that has not ended is killed on the host, with its process group."""
        import asyncssh

        try:
            if not self.ended and not self._ssh.is_closed():
                with contextlib.suppress(OSError, asyncssh.Error, TimeoutError):
                    self._process.kill()
                    async with asyncio.timeout(REAP_TIMEOUT_S):
                        await self._kill_by_command()
        finally:
            self._process.close()
            for task in self._reading:
                task.cancel()
            await asyncio.gather(*self._reading, return_exceptions=True)

    async def _kill_by_command(self) -> None:
        import asyncssh

        pid = await self._pid if self._pid is not None else 0
        while pid > 1:
            try:
                killer = await self._ssh.create_process(f"exec /bin/sh -c 'kill -s KILL -- -{pid}'", encoding=None)
            except asyncssh.ChannelOpenError:  # every session is taken: one of the others will end
                await asyncio.sleep(0.1)
                continue
            try:
                await killer.wait_closed()
            finally:
                killer.close()
            return

    async def _feed(self, data: bytes) -> None:
        import asyncssh

        with contextlib.suppress(OSError, asyncssh.Error):  # a command may end without reading its input
            self._process.stdin.write(data)
            await self._process.stdin.drain()
            self._process.stdin.write_eof()

    async def _read_stdout(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while data := await self._process.stdout.read(CHUNK_BYTES):
            size += len(data)
            if size > self._limit:
                raise OverflowError
            parts.append(data)
        return b"".join(parts)

    async def _read_stderr(self) -> None:
        try:
            while data := await self._process.stderr.read(CHUNK_BYTES):
                self._stderr += data[: STDERR_BYTES - len(self._stderr)]
                if self._pid is not None and not self._pid.done():
                    self._note_pid(self._pid)
        finally:
            if self._pid is not None and not self._pid.done():
                self._pid.set_result(0)

    def _note_pid(self, pid: asyncio.Future[int]) -> None:
        if found := self._announcement.search(self._stderr):
            self._stderr = self._stderr[: found.start()] + self._stderr[found.end() :]
            pid.set_result(int(found[1]))


def exit_code(process: asyncssh.SSHClientProcess[bytes]) -> int:
    """A command's exit code as a shell would say it; 255 if the host did not say."""
    if process.exit_signal is not None:
        number = getattr(signal, "SIG" + process.exit_signal[0], None)
        return 128 + int(number) if isinstance(number, signal.Signals) else 255
    return process.exit_status if process.exit_status is not None else 255
