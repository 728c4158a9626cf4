"""A program on this laptop (git, rsync) run to its end: its lines are passed on, and it ends when we are cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from remote.clean import clean_bytes

TERM_WAIT_S = 3.0
"""Between TERM and KILL: rsync uses it to keep what it has of a file, and to remove its temporary ones."""

_LINE_END = re.compile(rb"[\r\n]")
_LINE_MAX_BYTES = 64 * 1024
Line = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """How a local program ended."""

    code: int
    """Exit code, 128 + n after signal n."""
    errors: tuple[str, ...]
    """The last lines of stderr, cleaned: they quote what the host said."""

    @property
    def reason(self) -> str:
        """The line of `errors` that says most."""
        lines = [line for line in self.errors if line.strip()]
        telling = [line for line in lines if re.match(r"fatal:|error:|rsync(: |\[)| ! ", line)]
        return (telling or lines or [f"exit code {self.code}"])[0].strip()


async def output_of(
    argv: Sequence[str], env: Mapping[str, str] | None = None, given: bytes | None = None
) -> tuple[int, bytes, bytes]:
    """Run a short `argv` on the input `given`; its code, output and errors. Killed when cancelled.

    Raises FileNotFoundError.
    """
    pipe = asyncio.subprocess.PIPE
    source = asyncio.subprocess.DEVNULL if given is None else pipe
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=source, stdout=pipe, stderr=pipe, env=None if env is None else dict(env)
    )
    try:
        out, err = await process.communicate(given)
    except asyncio.CancelledError:
        # It may have ended in this very moment; that must not take the cancellation's place.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    return process.returncode, out, err


async def run_program(
    argv: Sequence[str], *, env: Mapping[str, str], on_output: Line | None = None, on_error: Line | None = None
) -> Ended:
    """Run `argv`; files that it makes are private. Lines end at LF or CR. Raises FileNotFoundError."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        umask=0o077,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    errors: deque[str] = deque(maxlen=40)

    def remember(line: str) -> None:
        errors.append(line)
        if on_error is not None:
            on_error(line)

    readers = [
        asyncio.ensure_future(_lines(process.stdout, on_output or _ignore)),
        asyncio.ensure_future(_lines(process.stderr, remember)),
    ]
    try:
        await asyncio.gather(*readers)
        code = await process.wait()
    except BaseException:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await _end(process)
        raise
    return Ended(code if code >= 0 else 128 - code, tuple(errors))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group. Its pipes are read to their ends meanwhile: asyncio's `wait` waits for those, too."""
    assert process.stdout is not None and process.stderr is not None
    ended = asyncio.gather(_lines(process.stdout, _ignore), _lines(process.stderr, _ignore), process.wait())
    _signal(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait([ended], timeout=TERM_WAIT_S)
    finally:
        _signal(process.pid, signal.SIGKILL)
        await ended


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _lines(stream: asyncio.StreamReader, tell: Line) -> None:
    buffer = b""
    while data := await stream.read(65536):
        *lines, buffer = _LINE_END.split(buffer + data)
        buffer = buffer[:_LINE_MAX_BYTES]
        for line in lines:
            tell(clean_bytes(line))
    if buffer:
        tell(clean_bytes(buffer))


def _ignore(line: str) -> None:
    pass
