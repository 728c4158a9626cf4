"""A person's own shell on a host: a terminal there, over the connection that is there already.

    shell = await open_shell(fleet, host, worker, size)   connects; the shell waits in the worker's worktree
    code = await shell.attach(Terminal.ours())            until it ends: keys go there, output comes here

No second login: one connection a host carries this too. Output is passed on as it is, as ssh does; whoever opens a
shell on a host trusts its terminal output.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shlex
import shutil
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from remote.clean import clean
from remote.command import exit_code
from remote.errors import UsageError
from wire.run_dir import Root

if TYPE_CHECKING:
    import asyncssh

    from remote.connection import Connection
    from remote.fleet import Fleet

TTY = "/dev/tty"
LOOK_S = 0.2
"""How often the size of the window is looked at: a signal handler of our own would take the app's away."""
READ_BYTES = 64 * 1024
_SCRIPT = (
    'if ! cd "$1" 2>/dev/null; then cd; if [ -n "$1" ]; then echo "$1 is not there: this is your home folder"; fi; fi; '
    'exec "${SHELL:-/bin/sh}" -l'
)

T = TypeVar("T")
Size = tuple[int, int]
"""Columns and rows."""


class Terminal:
    """The terminal that this program runs in, by a door of its own: nobody else's settings are touched."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def ours(cls) -> Terminal:
        """The controlling terminal. Raises `UsageError` where there is none."""
        try:
            return cls(os.open(TTY, os.O_RDWR | os.O_CLOEXEC))
        except OSError as exc:
            raise UsageError("a shell needs a terminal, and this is none", code="no_terminal") from exc

    @property
    def size(self) -> Size:
        try:
            found = os.get_terminal_size(self._descriptor)
        except OSError:
            return 80, 24
        return found.columns, found.lines

    def raw(self) -> contextlib.AbstractContextManager[None]:
        """Every key goes through, ctrl-c too; afterwards the terminal is as it was."""
        return _raw(self._descriptor)

    def read(self, on_data: Callable[[bytes], None], on_size: Callable[[Size], None], stop: int) -> None:
        """Give keys and sizes to the callbacks until `stop` can be read or the terminal is gone. For a thread."""
        size = self.size
        while True:
            ready, _, _ = select.select([self._descriptor, stop], [], [], LOOK_S)
            if self.size != size:
                size = self.size
                on_size(size)
            if stop in ready:
                return
            if self._descriptor in ready:
                try:
                    data = os.read(self._descriptor, READ_BYTES)
                except OSError:
                    data = b""
                on_data(data)
                if not data:
                    return

    def write(self, data: bytes) -> None:
        """Blocks while the terminal takes no more. For a thread; raises OSError if it is gone."""
        while data:
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        os.close(self._descriptor)


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSADRAIN)  # keys that were typed already are for the shell
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@dataclass
class Shell:
    """A shell that has begun on its host."""

    host: str
    folder: str
    """Where it stands, '' for the home folder."""
    _process: asyncssh.SSHClientProcess[bytes]

    async def attach(self, terminal: Terminal) -> int:
        """Join the two terminals until the shell ends; its exit code, 255 if the connection was lost."""
        loop = asyncio.get_running_loop()
        stop_read, stop_write = os.pipe()

        def later(call: Callable[[T], None]) -> Callable[[T], None]:
            def soon(value: T) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(call, value)

            return soon

        callbacks = (later(self._typed), later(self._sized))
        reader = threading.Thread(
            target=terminal.read, args=(*callbacks, stop_read), name="shell-keys", daemon=True
        )  # fmt: skip
        try:
            with terminal.raw():
                self._sized(terminal.size)
                reader.start()
                try:
                    await self._show(terminal)
                finally:
                    os.write(stop_write, b".")
                    await asyncio.to_thread(reader.join)
        finally:
            os.close(stop_read)
            os.close(stop_write)
            self.close()
        return exit_code(self._process)

    def close(self) -> None:
        """Hang up: the shell gets a HUP, as when a window is closed."""
        self._process.close()

    async def _show(self, terminal: Terminal) -> None:
        import asyncssh

        with contextlib.suppress(asyncssh.Error, OSError):
            while data := await self._process.stdout.read(READ_BYTES):
                await asyncio.to_thread(terminal.write, data)
            await self._process.wait_closed()

    def _typed(self, data: bytes) -> None:
        """Keys that come after the end are dropped; no terminal any more is the end of the shell too."""
        if not data:
            self.close()
            return
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(data)

    def _sized(self, size: Size) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._process.change_terminal_size(*size)


async def open_shell(fleet: Fleet, host: str, worker: str = "", *, size: Size | None = None) -> Shell:
    """Begin a login shell on a host, in a worker's worktree. Raises the connection's errors, `FarSideError`."""
    folder = await _folder(fleet, host, worker) if worker else ""
    shell = await shell_over(fleet.connection(host), folder, size or shutil.get_terminal_size())
    if worker:
        fleet.record(worker, "shell", shell_command(folder), "opened")
    return shell


async def shell_over(connection: Connection, folder: str, size: Size) -> Shell:
    """The same over one connection, in any folder ('' = home)."""

    async def start(ssh: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[bytes]:
        term = os.environ.get("TERM") or "xterm"
        return await ssh.create_process(shell_command(folder), encoding=None, term_type=term, term_size=tuple(size))

    return Shell(connection.host.name, clean(folder), await connection.channel(start))


def shell_command(folder: str) -> str:
    """One line for any login shell (also csh: no line end inside quotes)."""
    return shlex.join(["exec", "/bin/sh", "-c", _SCRIPT, "sh", folder])


async def _folder(fleet: Fleet, host: str, worker: str) -> str:
    """The worktree, or for an ad hoc command its run's folder."""
    place, row = fleet.place(worker), fleet.snapshot(worker)
    far = fleet.far(host)
    await far.ready()
    if row.spec is not None and row.spec.cwd:
        return row.spec.cwd
    root, project = Root(far.root), fleet.profile.project_id
    return (
        root.worktree(project, place.slug) if not row.run or row.branch else root.run(project, place.slug, row.run).path
    )
