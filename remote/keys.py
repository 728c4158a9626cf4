"""Secrets of the work, such as the key of a language model: named in the profile, their values in this laptop's
environment, or what a command here prints (`pass show wandb`). They go over the connection at each launch, into the
memory of the run's supervisor and the environment of its work: no file, no log and no argument list has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from remote.clean import clean, clean_bytes
from remote.consents import Consents
from remote.errors import Declined, UsageError
from wire.hiding import Hiding

if TYPE_CHECKING:
    from remote.asker import Asker
    from remote.places import Place

COMMAND_WITHIN_S = 30.0
"""A command that wants a passphrase shows a window for it, or has an agent; this is the time to type."""
END_WITHIN_S = 2.0
VALUE_MAX_BYTES = 16 * 1024


class Keys:
    """The secrets of the workers of one profile. What a command printed is kept in memory, so it runs once."""

    def __init__(self, profile: Path, asker: Asker, consents: Consents | None = None) -> None:
        self._profile, self._asker = profile, asker
        self._consents = consents or Consents()
        self._printed: dict[tuple[str, ...], str] = {}
        self._one_at_a_time = asyncio.Lock()

    async def of(self, place: Place) -> dict[str, str]:
        """Return the secrets of a worker.

        Raises `UsageError` for one that is not there, `Declined` where nobody allows its command.
        """
        names = place.worker.keys if place.worker is not None else ()
        commands = place.worker.key_commands if place.worker is not None else {}
        missing = [name for name in names if name not in commands and not os.environ.get(name)]
        if missing:
            raise UsageError(
                f"{place.name} needs {missing[0]}, which is not set here",
                hint=f"export {missing[0]}=... in the shell that starts trajvid-tui, or name a command in `keys`",
            )
        return {
            name: await self._printed_by(name, commands[name]) if name in commands else os.environ[name]
            for name in names
        }

    async def _printed_by(self, name: str, argv: tuple[str, ...]) -> str:
        async with self._one_at_a_time:
            if argv not in self._printed:
                await self._allowed(name, argv)
                self._printed[argv] = await _first_line(name, argv, self._profile.parent)
            return self._printed[argv]

    async def _allowed(self, name: str, argv: tuple[str, ...]) -> None:
        if self._consents.given(self._profile, argv):
            return
        shown = clean(shlex.join(argv))
        if not await self._asker.allow_command(clean(str(self._profile)), name, shown):
            raise Declined(
                f"{name} comes from `{shown}`, which nobody has allowed to run here yet",
                hint="--yes allows what the profile names, once and for all; or answer at a terminal or in the app",
            )
        self._consents.give(self._profile, argv)


async def _first_line(name: str, argv: tuple[str, ...], folder: Path) -> str:
    """Run a command without a shell and without a terminal. Nothing that it prints as a value is part of a message."""
    shown = clean(shlex.join(argv))
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=folder, stdin=nothing, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as exc:
        raise UsageError(
            f"{name}: cannot run `{shown}`: {exc.strerror}", hint=f"install {clean(argv[0])}, or mend `keys`"
        ) from exc
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(COMMAND_WITHIN_S):
            out, err = await asyncio.gather(_begin(process.stdout), _begin(process.stderr))
            await process.wait()
    except BaseException as exc:
        await _end(process)
        if not isinstance(exc, TimeoutError):
            raise
        hint = "run it once in a shell, so that its agent has the passphrase"
        raise UsageError(f"{name}: `{shown}` did not end within {COMMAND_WITHIN_S:.0f} s", hint=hint) from exc
    if process.returncode:
        said = [text for text in map(clean_bytes, _without(out, err).splitlines()) if text.strip()]
        why = f"exit code {process.returncode}" + (f": {said[-1].strip()}" if said else "")
        raise UsageError(f"{name}: `{shown}` failed: {why}", hint="run it in a shell to see more")
    line = out.split(b"\n", 1)[0].rstrip(b"\r")
    if not line or len(line) > VALUE_MAX_BYTES or b"\0" in line:
        raise UsageError(f"{name}: `{shown}` printed no value in its first line", hint="run it in a shell to see")
    return line.decode("utf-8", "surrogateescape")


async def _begin(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, and keep as much as one value may have: a command that never ends must not fill our memory."""
    kept = b""
    while data := await stream.read(64 * 1024):
        kept += data[: VALUE_MAX_BYTES + 1 - len(kept)]
    return kept


def _without(out: bytes, err: bytes) -> bytes:
    """What a command said on stderr, without the value that it may have printed there, too."""
    hiding = Hiding({"value": out.decode("utf-8", "surrogateescape")})
    return hiding.feed(err) + hiding.rest()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command that was given up, with all that it started; itself it may have ended already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):  # somebody in a session of its own may hold the pipes
        async with asyncio.timeout(END_WITHIN_S):
            await process.communicate()
