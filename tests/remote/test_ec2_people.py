"""Who is there by a real OpenSSH server: what it calls its processes decides whether a machine is idle."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from remote.connection import Connection
from remote.farside import FarSide
from remote.onhost import people
from remote.onhost.last_use import up_s
from tests.fixtures.ssh import Sshd, share_code, trust


def there(connections: people.Connections, sshd_pid: int) -> list[str]:
    """The people on this one server, whatever else the machine of the test does."""
    table, below = people.seen(), {sshd_pid}
    while grown := {one.pid for one in table.values() if one.parent in below} - below:
        below |= grown
    return connections.people({pid: one for pid, one in table.items() if pid in below}, up_s())


@pytest.mark.hosts
async def test_our_connection_is_nobody_and_a_shell_is_somebody(
    sshd: Sshd, home: Path, bundles: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "FRESH_S", 0.0)
    connections, user, pid = people.Connections(), sshd.host.user, sshd.process.pid
    share_code(home / ".trajvid", bundles)
    trust(sshd.host, sshd.folder / "host_key.pub")
    connection = Connection(sshd.host)
    far = FarSide(connection, sshd.host)
    await far.ready()
    ssh = await connection.ssh()
    assert there(connections, pid) == [f"{user} is connected by ssh"], "nothing of ours runs there right now"
    follower = await connection.open(far.command("follow"))
    await follower.stdout.readline()
    assert there(connections, pid) == []
    follower.close()
    await follower.wait_closed()
    assert there(connections, pid) == [], "it stays ours"
    shell = await ssh.create_process(term_type="xterm", encoding=None)
    await shell.stdout.read(1)
    [word] = there(connections, pid)
    assert word.startswith(f"{user} is logged in at pts/")
    shell.close()
    await shell.wait_closed()
    async with asyncio.timeout(20):
        while there(connections, pid):
            await asyncio.sleep(0.05)
    await connection.close()
