"""One command of the embedded server: a process in a session of its own, its pipes pumped into an SSH channel.

As in OpenSSH the channel ends when the command has ended and its output is read to the end. When the channel goes
first, the command's process group gets a HUP. Nothing that a client or a command does may reach the server: every
failure ends this command only.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import struct
import sys
import termios
import threading
from collections.abc import Mapping
from typing import Any

import asyncssh

logger = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
_F_SETPIPE_SZ = 1031
# The app may ignore HUP (nohup) or handle TERM; its commands start with the default of each.
_SIGNALS_RESET = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)
_SHELL = "/bin/sh"
_IN_HOME = 'cd 2>/dev/null; exec /bin/sh -c "$1"'


class CommandSession(asyncssh.SSHServerProcess[bytes]):
    """The server's end of one channel. Signals arrive at once, also after the client has closed our stdin."""

    pid = 0

    def signal_received(self, signal: str) -> None:
        number = _signal_number(signal)
        if self.pid and number:
            signal_group(self.pid, number)


def _signal_number(name: str) -> int:
    number = getattr(signal, "SIG" + name, None)
    return int(number) if isinstance(number, signal.Signals) else 0


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process group that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def serve(session: CommandSession, env: Mapping[str, str]) -> None:
    """Run the session's command with /bin/sh in the home of `env` until it ends or its channel goes away."""
    try:
        await _serve(session, env)
    except (asyncssh.Error, OSError) as exc:
        logger.debug("command of the embedded server ended with its channel: %s", exc)
    except Exception:
        logger.exception("command of the embedded server failed")
    finally:
        session.close()


async def _serve(session: CommandSession, env: Mapping[str, str]) -> None:
    child = await _start(session, env)
    session.pid = child.pid
    gone = asyncio.ensure_future(session.channel.wait_closed())
    feed = asyncio.ensure_future(_feed(session.stdin, child))
    output = [
        asyncio.ensure_future(_drain(child.stdout, session.stdout)),
        asyncio.ensure_future(_drain(child.stderr, session.stderr)),
    ]
    try:
        first: list[asyncio.Future[Any]] = [asyncio.gather(*output, return_exceptions=True), gone]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            either: list[asyncio.Future[Any]] = [child.ended, gone]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not child.ended.done():
            signal_group(child.pid, signal.SIGHUP)
        elif not gone.done():
            _report(session, child.ended.result())
    finally:
        for task in (feed, gone, *output):
            task.cancel()
        await asyncio.gather(feed, gone, *output, return_exceptions=True)
        child.close()


def _report(session: CommandSession, status: int) -> None:
    if status >= 0:
        session.exit(status)
    else:
        session.exit_with_signal(signal.Signals(-status).name[3:])


async def _start(session: CommandSession, env: Mapping[str, str]) -> Child:
    """The command with three pipes, or in a terminal where the client asked for one."""
    command, env = session.command or "exit 1", {**env, **session.env}
    term = session.channel.get_terminal_type()
    if not term:
        return await Child.start(command, env)
    width, height, *_ = session.channel.get_terminal_size()
    return await Child.start_in_terminal(command, {**env, "TERM": term}, width, height)


async def _feed(source: asyncssh.SSHReader[bytes], child: Child) -> None:
    """Own pump: asyncssh's redirect of a StreamWriter fails with KeyError when the client closes first."""
    while True:
        try:
            data = await source.read(CHUNK_BYTES)
        except asyncssh.BreakReceived:
            continue
        except asyncssh.TerminalSizeChanged as exc:
            child.resize(exc.width, exc.height)
            continue
        if not data:
            break
        await child.stdin.write(data)
    child.stdin.close()


async def _drain(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(CHUNK_BYTES):
        sink.write(data)
        await sink.drain()


class _PipeWriter(asyncio.BaseProtocol):
    """The child's stdin. Bytes for a child that no longer reads are dropped, as a broken pipe would."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.set_write_buffer_limits(CHUNK_BYTES)
        self._transport = transport

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._room.set()

    async def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            await self._room.wait()

    def close(self) -> None:
        """End of input, after what is still buffered."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End of input now."""
        if self._transport is not None:
            self._transport.abort()


class Child:
    """A spawned shell: its pid, its three pipes and the future of its exit status (negative = by signal)."""

    pid: int
    ended: asyncio.Future[int]

    def __init__(self) -> None:
        self.stdin = _PipeWriter()
        self.stdout = asyncio.StreamReader(limit=CHUNK_BYTES)
        self.stderr = asyncio.StreamReader(limit=CHUNK_BYTES)
        self._transports: list[asyncio.BaseTransport] = []
        self._terminal = -1

    @classmethod
    async def start_in_terminal(cls, command: str, env: Mapping[str, str], width: int, height: int) -> Child:
        """The same in a pseudo terminal of its own, whose one line out carries both outputs."""
        child = cls()
        ours, theirs = os.openpty()
        try:
            set_size(ours, width, height)
            child.pid = _spawn(command, env, [], terminal=os.ttyname(theirs))
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        child.ended = exit_status(child.pid)
        child._terminal = os.dup(ours)
        child.stderr.feed_eof()
        loop = asyncio.get_running_loop()
        await loop.connect_write_pipe(lambda: child.stdin, os.fdopen(os.dup(ours), "wb", 0))
        await child._read(child.stdout, ours)
        return child

    def resize(self, width: int, height: int) -> None:
        """The client's window has another size now; its programs are told by SIGWINCH."""
        if self._terminal >= 0:
            set_size(self._terminal, width, height)

    @classmethod
    async def start(cls, command: str, env: Mapping[str, str]) -> Child:
        child = cls()
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        try:
            child.pid = _spawn(command, env, theirs)
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        child.ended = exit_status(child.pid)
        await child._connect(ours)
        return child

    async def _connect(self, descriptors: list[int]) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_write_pipe(lambda: self.stdin, os.fdopen(descriptors[0], "wb", 0))
        for reader, descriptor in ((self.stdout, descriptors[1]), (self.stderr, descriptors[2])):
            _enlarge(descriptor)
            await self._read(reader, descriptor)

    async def _read(self, reader: asyncio.StreamReader, descriptor: int) -> None:
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", 0))
        self._transports.append(transport)

    def close(self) -> None:
        self.stdin.abort()
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
        for transport in self._transports:
            transport.close()


def _enlarge(descriptor: int) -> None:
    """A pipe of 1 MiB, so that one turn of the loop moves more. The system may refuse beyond its quota."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, _F_SETPIPE_SZ, 1024 * 1024)


def set_size(terminal: int, width: int, height: int) -> None:
    """Tell a terminal its size in cells; one that is gone does not care."""
    with contextlib.suppress(OSError, struct.error):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def _spawn(command: str, env: Mapping[str, str], descriptors: list[int], terminal: str = "") -> int:
    """Start a shell on three descriptors, or on a terminal: the first that a new session opens is its own."""
    actions: list[tuple[Any, ...]]
    if terminal:
        actions = [(os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0), *((os.POSIX_SPAWN_DUP2, 0, n) for n in (1, 2))]
    else:
        actions = [(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(descriptors)]
    argv = [_SHELL, "-c", _IN_HOME, "sh", command]
    return os.posix_spawn(
        _SHELL, argv, dict(env), file_actions=actions, setsid=True, setsigmask=(), setsigdef=_SIGNALS_RESET
    )


def exit_status(pid: int) -> asyncio.Future[int]:
    """Reap a child when it ends, and resolve with its exit code, or with minus the signal that killed it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def resolve(status: int) -> None:
        if not ended.done():
            ended.set_result(os.waitstatus_to_exitcode(status))

    def wait() -> None:
        status = os.waitpid(pid, 0)[1]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(resolve, status)

    if (watch := _process_descriptor(pid)) is None:
        threading.Thread(target=wait, name=f"wait-{pid}", daemon=True).start()
        return ended

    def readable() -> None:
        loop.remove_reader(watch)
        os.close(watch)
        resolve(os.waitpid(pid, 0)[1])

    loop.add_reader(watch, readable)
    return ended


def _process_descriptor(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has none (macOS, Linux < 5.3)."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
