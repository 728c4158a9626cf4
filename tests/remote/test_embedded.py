"""The embedded server behaves as sshd does, for our own client and for one that we did not write."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import paramiko
import pytest

from remote.embedded import EmbeddedServer, login_environment
from tests.fixtures.ssh import local_environment
from tests.remote.test_connection import alive, until


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(local_environment(home))
    yield server
    await server.close()


@pytest.fixture
async def link(server: EmbeddedServer) -> asyncssh.SSHClientConnection:
    return await server.dial()


async def test_two_hundred_commands_at_once(link: asyncssh.SSHClientConnection) -> None:
    done = await asyncio.gather(*[link.run(f"echo {number}") for number in range(200)])
    assert [item.stdout for item in done] == [f"{number}\n" for number in range(200)]


async def test_large_binary_streams_both_ways_at_once(link: asyncssh.SSHClientConnection) -> None:
    data = os.urandom(1 << 20) * 24
    done = await link.run("cat", input=data, encoding=None)
    assert done.stdout == data and done.exit_status == 0


async def test_input_may_end_before_output_begins(link: asyncssh.SSHClientConnection) -> None:
    done = await link.run("wc -c; echo more", input=b"12345", encoding=None)
    assert done.stdout.split() == [b"5", b"more"]


async def test_signals_arrive_also_after_the_input_has_ended(link: asyncssh.SSHClientConnection, home: Path) -> None:
    process = await link.create_process("trap 'echo got; exit 5' USR1; cat; echo ready; while :; do sleep 0.05; done")
    process.stdin.write_eof()
    assert await process.stdout.readline() == "ready\n"
    process.send_signal("USR1")
    assert await process.stdout.read() == "got\n"
    await process.wait_closed()
    assert process.exit_status == 5


async def test_a_closed_channel_hangs_up_the_whole_group(link: asyncssh.SSHClientConnection) -> None:
    marker = f"sleep 6{os.getpid()}"
    process = await link.create_process(f"{marker} & {marker} & wait")
    await until(lambda: len(alive(marker)) >= 3, "all run")
    process.close()
    await until(lambda: not alive(marker), "all are gone")


async def test_hang_up_reaches_commands_even_if_this_process_ignores_it(link: asyncssh.SSHClientConnection) -> None:
    """Under nohup the app ignores HUP, and a child would inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        marker = f"sleep 5{os.getpid()}"
        process = await link.create_process(f"exec {marker}")
        await until(lambda: bool(alive(marker)), "it runs")
        process.close()
        await until(lambda: not alive(marker), "it is gone")
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_what_ignores_the_hang_up_outlives_the_server(home: Path) -> None:
    server = EmbeddedServer(local_environment(home))
    link = await server.dial()
    marker = f"sleep 4{os.getpid()}"
    process = await link.create_process(f"trap '' HUP; echo ready; exec {marker}")
    assert await process.stdout.readline() == "ready\n"
    await server.close()
    (survivor,) = alive(marker)
    os.kill(survivor, signal.SIGKILL)
    await until(lambda: not alive(marker), "reaped")


async def test_a_vanished_client_leaves_nothing_and_harms_nobody(server: EmbeddedServer) -> None:
    marker = f"sleep 3{os.getpid()}"
    first, second = await server.dial(), await server.dial()
    await first.create_process(f"exec {marker}")
    await first.create_process("exec cat /dev/zero", encoding=None)
    await until(lambda: bool(alive(marker)), "it runs")
    first.abort()
    await until(lambda: not alive(marker), "it is gone")
    assert (await second.run("echo fine")).stdout == "fine\n"


async def test_the_environment_is_an_allow_list(link: asyncssh.SSHClientConnection, home: Path) -> None:
    assert login_environment({"PATH": "p", "AWS_SECRET_ACCESS_KEY": "s", "LC_ALL": "C"}) == {"PATH": "p", "LC_ALL": "C"}
    done = await link.run("echo $HOME; pwd; echo $EXTRA", env={"EXTRA": "yes"})
    assert done.stdout.split() == [str(home), str(home), "yes"]


async def test_only_the_moments_own_key_logs_in(server: EmbeddedServer) -> None:
    port = await server.listen()
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            "127.0.0.1", port, username="root", client_keys=[stranger], known_hosts=None, config=None, agent_path=None
        )


async def test_files_travel_by_sftp_from_the_home_folder(link: asyncssh.SSHClientConnection, home: Path) -> None:
    async with link.start_sftp_client() as files:
        async with files.open("a.bin", "wb") as file:
            await file.write(bytes(range(256)))
        assert await files.realpath(".") == str(home)
    assert (home / "a.bin").read_bytes() == bytes(range(256))


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
async def test_git_speaks_its_protocol_through_it(link: asyncssh.SSHClientConnection, home: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(home / "r.git")], check=True)
    done = await link.run("git-receive-pack r.git", input=b"0000", encoding=None)
    assert done.exit_status == 0 and b"report-status" in done.stdout


@pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")
async def test_rsync_speaks_its_protocol_through_it(link: asyncssh.SSHClientConnection, home: Path) -> None:
    process = await link.create_process("rsync --server --sender -e.LsfxCIvu . .", encoding=None)
    greeting = await process.stdout.readexactly(4)
    assert 27 <= greeting[0] <= 40 and greeting[1:] == b"\0\0\0"  # the protocol's version, little endian
    process.stdin.write_eof()
    await process.wait_closed()


async def test_the_loop_stays_responsive_under_load(link: asyncssh.SSHClientConnection) -> None:
    """A bound against a stall, not a speed: no turn of the loop may take a second while 64 MB pass."""
    longest, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not done.is_set():
            before = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - before)

    watching = asyncio.ensure_future(watch())
    result = await link.run("head -c 64000000 /dev/zero", encoding=None)
    done.set()
    await watching
    assert len(result.stdout) == 64_000_000 and longest < 1


# A client that we did not write


@contextlib.contextmanager
def foreign_client(port: int, user_key: bytes, host_key: str) -> Iterator[paramiko.SSHClient]:
    """paramiko, with the server's key on record and nothing else allowed."""
    client = paramiko.SSHClient()
    kind, data = host_key.split()[:2]
    client.get_host_keys().add(
        f"[127.0.0.1]:{port}", kind, paramiko.Ed25519Key(data=__import__("base64").b64decode(data))
    )
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(user_key.decode()))
    try:
        client.connect("127.0.0.1", port, "local", pkey=key, look_for_keys=False, allow_agent=False, timeout=20)
        yield client
    finally:
        transport = client.get_transport()
        client.close()
        if transport is not None:
            transport.join(10)


def converse(port: int, user_key: bytes, host_key: str) -> dict[str, object]:
    """exec, exit status, stdin and SFTP as paramiko does them. Runs in a thread: paramiko blocks."""
    heard: dict[str, object] = {}
    with foreign_client(port, user_key, host_key) as client:
        stdin, stdout, stderr = client.exec_command("cat; echo err >&2; exit 7")
        stdin.write("hello")
        stdin.channel.shutdown_write()
        heard["stdout"], heard["stderr"] = stdout.read(), stderr.read()
        heard["status"] = stdout.channel.recv_exit_status()
        with client.open_sftp() as files:
            with files.open("by-paramiko", "wb") as file:
                file.write(b"\x00" * 100_000)
            heard["size"] = files.stat("by-paramiko").st_size
            heard["home"] = files.normalize(".")
    return heard


async def test_paramiko_as_an_independent_client(server: EmbeddedServer, home: Path) -> None:
    port = await server.listen()
    heard = await asyncio.to_thread(
        converse,
        port,
        server.client_key.export_private_key("openssh"),
        server.host_key.export_public_key("openssh").decode(),
    )
    assert heard == {"stdout": b"hello", "stderr": b"err\n", "status": 7, "size": 100_000, "home": str(home)}
    assert not [
        thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport) and thread.is_alive()
    ]
