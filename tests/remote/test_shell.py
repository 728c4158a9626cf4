"""A shell over the one connection, in a real terminal, on the embedded host and on OpenSSH's."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from remote.connection import Connection
from remote.embedded import shared
from remote.errors import Unreachable
from remote.fleet import Fleet
from remote.history import History
from remote.shell import Terminal, open_shell, shell_over
from tests.fixtures.project import Project
from tests.fixtures.ssh import FarHost

WITHIN_S = 30.0


@dataclass
class Person:
    """Sits at the other end of the terminal: types, reads, pulls at the window."""

    keys: int
    terminal: Terminal
    slave: int
    seen: bytes = b""

    def type(self, text: str) -> None:
        os.write(self.keys, text.encode())

    async def sees(self, text: str, *, typing: str = "") -> None:
        """Wait until the terminal shows `text` after what it showed before; type again and again meanwhile."""
        os.set_blocking(self.keys, False)
        for turn in range(int(WITHIN_S / 0.01)):
            if typing and turn % 50 == 0:
                self.type(typing)
            with contextlib.suppress(BlockingIOError):
                self.seen += os.read(self.keys, 65536)
            if text.encode() in self.seen:
                break
            await asyncio.sleep(0.01)
        assert text.encode() in self.seen, f"no {text!r} in {self.seen!r}"
        self.seen = self.seen.partition(text.encode())[2]

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.keys, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture
def person() -> Iterator[Person]:
    keys, slave = os.openpty()
    person = Person(keys, Terminal(slave), slave)
    person.resize(90, 30)
    yield person
    os.close(keys)
    os.close(slave)


async def test_keys_size_folder_and_exit_code_go_through(far_host: FarHost, person: Person) -> None:
    folder = far_host.home / "work tree"
    folder.mkdir()
    before = termios.tcgetattr(person.slave)
    shell = await shell_over(far_host.connection, str(folder), (90, 30))
    attached = asyncio.ensure_future(shell.attach(person.terminal))
    person.type("PS1=; pwd; tty; stty size; echo $TERM\n")
    await person.sees(str(folder))
    await person.sees("/dev/")
    await person.sees("30 90")
    person.resize(101, 41)
    await asyncio.sleep(0.3)
    person.type("stty size; cat\n")
    await person.sees("41 101")
    person.type("heard\n")
    await person.sees("heard\r\nheard")  # once from the terminal's echo, once from cat
    person.type("\x03")
    # A shell throws away what was typed while its program was interrupted.
    await person.sees("interrupted\r\n", typing="echo inter''rupted\n")
    person.type("exit 7\n")
    assert await asyncio.wait_for(attached, WITHIN_S) == 7
    assert termios.tcgetattr(person.slave) == before


async def test_a_lost_connection_gives_the_terminal_back(embedded: FarHost, person: Person) -> None:
    before = termios.tcgetattr(person.slave)
    shell = await shell_over(embedded.connection, "/no/such/folder", (80, 24))
    attached = asyncio.ensure_future(shell.attach(person.terminal))
    await person.sees("/no/such/folder is not there: this is your home folder")
    person.type("pwd; echo $$\n")
    await person.sees(str(embedded.home))
    assert termios.tcgetattr(person.slave) != before
    shared().drop()
    assert await asyncio.wait_for(attached, WITHIN_S) == 255
    assert termios.tcgetattr(person.slave) == before


async def test_a_worker_s_shell_stands_in_its_worktree_and_is_remembered(project: Project, person: Person) -> None:
    history = History(project.folder.parent / "state" / "history.sqlite")
    fleet = Fleet(project.profile, by="ada@laptop", history=history)
    try:
        shell = await open_shell(fleet, "local", "good", size=(80, 24))
        root = fleet.far("local").root
        assert shell.folder == f"{root}/worktrees/{project.profile.project_id}/good"
        attached = asyncio.ensure_future(shell.attach(person.terminal))
        person.type("exit\n")
        assert await asyncio.wait_for(attached, WITHIN_S) == 0
        [(worker, action)] = fleet.recorded()
        assert (worker, action.verb, action.result) == ("good", "shell", "opened")
        assert shell.folder in action.command
    finally:
        await fleet.close()


async def test_a_connection_that_is_not_there_is_said_before_anything_sleeps(embedded: FarHost) -> None:
    shared().faults.refuse_dials = 1
    with pytest.raises(Unreachable):
        await shell_over(Connection(embedded.host), "", (80, 24))
