"""One remote command whose stdin and stdout are two local file descriptors.

The bytes go from pipe to channel in callbacks, with back-pressure both ways. An exception that leaves a callback of
an asyncssh session closes the whole connection, with everybody's channels on it: so each one here is guarded and
ends this command only.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import asyncssh

logger = logging.getLogger(__name__)

LOCAL_BUFFER_BYTES = 1024 * 1024
"""Bytes for the local program that may wait here before the channel is paused."""

P = ParamSpec("P")


def guarded(callback: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    """Let a failing callback end its relay, not the connection or the loop."""

    @functools.wraps(callback)
    def call(self: Any, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception as exc:
            self.fail(exc)

    return call


class Relay(asyncssh.SSHClientSession[bytes]):
    """The session's side. `ended` resolves to the exit code, None if the channel went away without one."""

    def __init__(self, on_bytes: Callable[[int, int], None], on_stderr: Callable[[bytes], None]) -> None:
        self._on_bytes = on_bytes
        self._on_stderr = on_stderr
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._input: asyncio.ReadTransport | None = None
        self._output: asyncio.WriteTransport | None = None
        self._code: int | None = None
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.output_closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def attach(self, stdin: int, stdout: int) -> None:
        """Take over the descriptors (closed in any case). Before the channel exists: data may come at once."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as opened:
            source, sink = (
                opened.enter_context(os.fdopen(stdin, "rb", 0)),
                opened.enter_context(os.fdopen(stdout, "wb", 0)),
            )
            self._output, _ = await loop.connect_write_pipe(lambda: _Output(self), sink)
            self._output.set_write_buffer_limits(LOCAL_BUFFER_BYTES)
            self._input, _ = await loop.connect_read_pipe(lambda: _Input(self), source)
            opened.pop_all()

    def start(self, channel: asyncssh.SSHClientChannel[bytes]) -> None:
        """Begin to read the local side."""
        self._channel = channel
        if self._input is not None:
            self._input.resume_reading()

    def stop(self) -> None:
        """End the remote command: the local program is gone. The signal goes first, a closed channel carries none."""
        if self._channel is not None:
            with contextlib.suppress(OSError, asyncssh.Error):
                self._channel.send_signal(signal.SIGTERM)
            self._channel.close()

    def close(self) -> None:
        """Let go of the descriptors; what the local program has not read yet is still written."""
        for transport in (self._input, self._output):
            if transport is not None:
                transport.close()

    def abort(self) -> None:
        """Let go of everything now."""
        self.stop()
        if self._output is not None and not self.output_closed.done():
            self._output.abort()
        self.close()

    def fail(self, exc: BaseException) -> None:
        """A callback failed: end this command."""
        logger.debug("a relayed command ends: %r", exc)
        with contextlib.suppress(Exception):
            self.stop()
        self._resolve(None)

    def _resolve(self, code: int | None) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    # from the host

    @guarded
    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype is not None:
            self._on_stderr(data)
        elif self._output is not None and not self._output.is_closing():
            self._on_bytes(len(data), 0)
            self._output.write(data)

    def eof_received(self) -> bool:
        return True  # the exit status is still to come

    @guarded
    def exit_status_received(self, status: int) -> None:
        self._code = status & 255

    @guarded
    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._code = 128 + _signal_number(signal)

    @guarded
    def pause_writing(self) -> None:
        if self._input is not None:
            self._input.pause_reading()

    @guarded
    def resume_writing(self) -> None:
        if self._input is not None and not self._input.is_closing():
            self._input.resume_reading()

    @guarded
    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._resolve(self._code)

    # from the local program

    def input_received(self, data: bytes) -> None:
        if self._channel is not None:
            self._on_bytes(0, len(data))
            self._channel.write(data)

    def input_ended(self) -> None:
        if self._channel is not None:
            self._channel.write_eof()

    def output_full(self, full: bool) -> None:
        if self._channel is not None:
            self._channel.pause_reading() if full else self._channel.resume_reading()

    def output_lost(self) -> None:
        # Normal at the end. The channel must go on being read, or its exit status would never arrive.
        if not self.output_closed.done():
            self.output_closed.set_result(None)
        self.output_full(False)


class _Input(asyncio.Protocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.fail = relay.fail

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()

    @guarded
    def data_received(self, data: bytes) -> None:
        self._relay.input_received(data)

    @guarded
    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.input_ended()


class _Output(asyncio.Protocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.fail = relay.fail

    @guarded
    def pause_writing(self) -> None:
        self._relay.output_full(True)

    @guarded
    def resume_writing(self) -> None:
        self._relay.output_full(False)

    @guarded
    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.output_lost()


def _signal_number(name: str) -> int:
    number = getattr(signal, "SIG" + name, None)
    return int(number) if isinstance(number, signal.Signals) else 15
