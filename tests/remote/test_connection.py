"""One connection a host: commands, cancelling, losses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from remote import embedded as embedded_module
from remote.command import announced
from remote.connection import SHORT_COMMANDS, Connection
from remote.embedded import EmbeddedServer
from remote.errors import FarSideError, Unreachable
from remote.hostkeys import KnownHosts
from remote.line import backoff_s
from remote.profiles import Host
from remote.snapshot import Link, LinkStatus
from tests.fixtures.ssh import FarHost, MockedSsh, Reply, connected, embedded_host, openssh_host


async def until(condition: Callable[[], bool], what: str = "", seconds: float = 20) -> None:
    """Poll until something holds; what never does fails the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.02)


def alive(marker: str) -> list[int]:
    """Processes whose command line has `marker` in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes().replace(b"\0", b" "):
                    found.append(int(entry.name))
    return found


# Commands


async def test_a_command_has_input_output_and_exit_code(far_host: FarHost) -> None:
    done = await far_host.connection.run("cat; echo err >&2; echo $HOME; exit 3", input=b"hello\n")
    assert done.code == 3
    assert done.stdout == b"hello\n" + os.fsencode(far_host.home) + b"\n"
    assert done.stderr == "err\n"


async def test_output_is_binary_and_stderr_is_cleaned(far_host: FarHost) -> None:
    data = bytes(range(256)) * 8192
    done = await far_host.connection.run("cat; printf '\\033[2Jred\\033]52;c;aGk=\\007\\n' >&2", input=data)
    assert done.stdout == data and done.stderr == "red\n"


async def test_a_killed_command_says_so_as_a_shell_would(far_host: FarHost) -> None:
    assert (await far_host.connection.run("kill -KILL $$")).code == 137
    assert (await far_host.connection.run("exit 255")).code == 255
    assert (await far_host.connection.run("/no/such/program")).code == 127


async def test_a_command_that_reads_nothing_takes_large_input(far_host: FarHost) -> None:
    assert (await far_host.connection.run("exec true", input=b"x" * 4_000_000)).code == 0


async def test_too_much_output_is_refused_and_stopped(far_host: FarHost) -> None:
    with pytest.raises(FarSideError, match="printed over 1000 bytes"):
        await far_host.connection.run("exec cat /dev/zero", max_bytes=1000)
    assert (await far_host.connection.run("echo on")).stdout == b"on\n"


async def test_many_at_once_stay_under_the_hosts_limit(far_host: FarHost) -> None:
    """OpenSSH allows 10 sessions a connection."""
    done = await asyncio.gather(*[far_host.connection.run(f"echo {number}") for number in range(40)])
    assert [item.stdout for item in done] == [b"%d\n" % number for number in range(40)]


async def test_cancelled_commands_leave_neither_process_nor_session(far_host: FarHost) -> None:
    """Without the kill, ten leaked sessions refuse every further open (MaxSessions)."""
    marker = f"sleep 7{os.getpid()}"
    for number in range(12):
        command = f"echo up >&2; exec {marker}" if number % 2 else f"{marker}; true"
        running = asyncio.ensure_future(far_host.connection.run(command))
        await until(lambda: bool(alive(marker)), "the command runs")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: not alive(marker), "the command is gone")
    done = await asyncio.gather(*[far_host.connection.run("echo free") for _ in range(SHORT_COMMANDS)])
    assert {item.stdout for item in done} == {b"free\n"}


async def test_a_command_cancelled_at_its_very_start_leaves_nothing(far_host: FarHost) -> None:
    marker = f"sleep 8{os.getpid()}"
    for turns in range(12):
        running = asyncio.ensure_future(far_host.connection.run(f"exec {marker}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert (await far_host.connection.run("echo free")).stdout == b"free\n"
    await until(lambda: not alive(marker), "the commands are gone")


async def test_a_late_command_is_killed(far_host: FarHost) -> None:
    marker = f"sleep 9{os.getpid()}"
    with pytest.raises(Unreachable, match=r"no answer to a command within 0\.5 s"):
        await far_host.connection.run(f"exec {marker}", timeout_s=0.5)
    await until(lambda: not alive(marker), "the command is gone")


async def test_a_long_lived_process_is_binary_and_half_closes(far_host: FarHost) -> None:
    process = await far_host.connection.open("cat; echo end")
    process.stdin.write(b"\x00\xff")
    assert await process.stdout.readexactly(2) == b"\x00\xff"
    process.stdin.write_eof()
    assert await process.stdout.read() == b"end\n"
    await process.wait_closed()


async def test_a_refused_open_is_tried_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.connection.OPEN_TRIES", 5)
    server = EmbeddedServer()
    async with connected(Host("local", kind="embedded"), server=server) as connection:
        await connection.ssh()
        server.faults.refuse_opens = 3
        assert (await connection.run("echo yes")).stdout == b"yes\n"
        assert server.faults.refuse_opens == 0
        server.faults.refuse_opens = 1000
        with pytest.raises(FarSideError, match="refuses to open another session") as caught:
            await connection.run("echo no")
        assert "MaxSessions" in caught.value.hint
        server.faults.refuse_opens = 0
        assert (await connection.run("echo yes")).stdout == b"yes\n"
    await server.close()


async def test_at_most_four_short_commands_at_once(home: Path) -> None:
    server = EmbeddedServer()
    server.faults.max_sessions = SHORT_COMMANDS
    async with connected(Host("local", kind="embedded"), server=server) as connection:
        started = home / "started"
        started.mkdir()
        command = f"touch {started}/$$; read x"
        running = [asyncio.ensure_future(connection.run(command, input=b"")) for _ in range(20)]
        await asyncio.gather(*running)
        assert len(list(started.iterdir())) == 20
    await server.close()


def test_the_announcement_survives_any_quoting() -> None:
    command = "printf '%s|' \"it's\" '\"' '$HOME' \"a\nb\"; exit 4"
    for shell in ("/bin/sh", "/bin/bash"):
        if os.path.exists(shell):
            done = subprocess.run([shell, "-c", announced(command, "tag")], capture_output=True, check=False)
            assert (done.stdout, done.returncode) == (b"it's|\"|$HOME|a\nb|", 4)
            assert done.stderr.startswith(b"tag:")


# Losing a connection, and getting it back


async def test_a_dropped_connection_is_noticed_and_dialled_again(home: Path) -> None:
    seen: list[LinkStatus] = []
    async with embedded_host(home) as far:
        connection = Connection(far.host, on_status=seen.append)
        server = embedded_module.shared()
        kept = asyncio.ensure_future(connection.keep())
        await until(lambda: connection.status.link is Link.LIVE, "live")
        running = asyncio.ensure_future(connection.run("exec sleep 60.5"))
        lost = asyncio.ensure_future(connection.lost())
        await until(lambda: bool(alive("sleep 60.5")), "started")
        assert (await connection.run("echo up")).stdout == b"up\n"
        server.drop()
        await asyncio.wait_for(lost, 10)
        with pytest.raises(Unreachable, match="connection was lost"):
            await running
        await until(lambda: connection.status.link is Link.LIVE, "live again")
        assert (await connection.run("echo back")).stdout == b"back\n"
        await connection.close()
        await asyncio.wait_for(kept, 10)
    links = [status.link for status in seen]
    assert links[:3] == [Link.CONNECTING, Link.LIVE, Link.OFFLINE]
    assert any(status.retry_at is not None for status in seen if status.link is Link.OFFLINE)


@pytest.mark.hosts
async def test_a_dead_sshd_is_noticed(openssh: FarHost) -> None:
    connection = openssh.connection
    await connection.ssh()
    pid = int((await connection.run("echo $PPID")).stdout)
    os.kill(pid, signal.SIGKILL)  # the process of sshd that serves this connection
    await asyncio.wait_for(connection.lost(), 20)
    assert connection.status.link is Link.OFFLINE and connection.status.reason
    assert (await connection.run("echo back")).stdout == b"back\n"


@pytest.mark.slow
@pytest.mark.hosts
async def test_a_host_that_falls_silent_is_noticed(openssh: FarHost) -> None:
    """No packet comes any more, and none says so: only the keepalive can tell. asyncssh's default never does."""
    connection = openssh.connection
    pid = int((await connection.run("echo $PPID")).stdout)
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.wait_for(connection.lost(), 20)
    finally:
        os.kill(pid, signal.SIGKILL)
    assert connection.status.link is Link.OFFLINE and connection.status.reason


async def test_two_callers_share_one_dial(home: Path) -> None:
    server = EmbeddedServer()
    async with connected(Host("local", kind="embedded"), server=server) as connection:
        first, second = await asyncio.gather(connection.ssh(), connection.ssh())
        assert first is second
    await server.close()


async def test_keep_retries_with_a_visible_countdown(home: Path) -> None:
    server = EmbeddedServer()
    server.faults.refuse_dials = 2
    seen: list[LinkStatus] = []
    connection = Connection(Host("local", kind="embedded"), server=server, on_status=seen.append)
    kept = asyncio.ensure_future(connection.keep())
    for number in (1, 2):
        await until(lambda: connection.status.retry_at is not None, "a retry is planned")
        assert connection.status.attempts == number
        connection.retry_now()
        await until(lambda n=number: connection.status.attempts != n, "it has tried")
    await until(lambda: connection.status.link is Link.LIVE, "live")
    assert max(status.attempts for status in seen) == 3 and connection.status.attempts == 0
    await connection.close()
    await kept
    await server.close()


async def test_what_needs_a_person_waits_for_them(mocked_ssh: MockedSsh) -> None:
    known = KnownHosts.default()
    record = known.own.read_text()
    known.own.unlink()
    seen: list[LinkStatus] = []
    connection = Connection(mocked_ssh.host, on_status=seen.append)
    kept = asyncio.ensure_future(connection.keep())
    await until(lambda: connection.status.link is Link.NEEDS_YOU, "needs you")
    for _ in range(20):
        await asyncio.sleep(0)
    assert [status.link for status in seen] == [Link.CONNECTING, Link.NEEDS_YOU]
    known.own.write_text(record)
    connection.retry_now()
    await until(lambda: connection.status.link is Link.LIVE, "live")
    await connection.close()
    await kept


async def test_closing_does_not_wait_for_a_dial(silent_port: int) -> None:
    connection = Connection(Host("x", address="127.0.0.1", port=silent_port, user="u"))
    dialling = asyncio.ensure_future(connection.ssh())
    await until(lambda: connection.status.link is Link.CONNECTING, "it dials")
    await asyncio.wait_for(connection.close(), 5)
    with pytest.raises(Unreachable, match="closed here"):
        await dialling


def test_backoff_grows_to_a_limit_and_is_spread() -> None:
    assert [backoff_s(failures, 1.0) for failures in (0, 1, 2, 10, 1000)] == [1, 2, 4, 60, 60]
    assert backoff_s(3, 0.0) == 4


async def test_the_scripted_host(mocked_ssh: MockedSsh) -> None:
    mocked_ssh.on("^probe", "yes\n")
    mocked_ssh.on("fail$", Reply(stderr=b"\x1b[31mno\x1b[0m", code=9))
    done = await mocked_ssh.connection.run("probe x", input=b"q")
    assert done.stdout == b"yes\n" and mocked_ssh.inputs == [b"q"]
    failed = await mocked_ssh.connection.run("probe fail")
    assert (failed.code, failed.stderr) == (9, "no")
    assert (await mocked_ssh.connection.run("other")).code == 127
    assert mocked_ssh.commands == ["probe x", "probe fail", "other"]


@pytest.mark.hosts
async def test_a_full_sshd_serves_the_short_commands_in_turn(short_tmp: Path, home: Path) -> None:
    async with openssh_host(short_tmp / "sshd", home, "MaxSessions 2\n") as far:
        done = await asyncio.gather(*[far.connection.run(f"echo {number}") for number in range(12)])
        assert [item.stdout for item in done] == [b"%d\n" % number for number in range(12)]


async def test_nothing_heavy_is_imported_before_the_first_dial() -> None:
    code = (
        "import sys, remote.connection, remote.profiles\n"
        "sys.exit(any(name in sys.modules for name in ('asyncssh', 'pydantic', 'yaml')))"
    )
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=Path(__file__).parents[2])
    assert await done.wait() == 0


async def test_a_library_that_stumbles_over_a_lost_connection_is_a_lost_connection(embedded: FarHost) -> None:
    """Found by launches under random disconnects: asyncssh raised AssertionError and AttributeError."""

    async def go_meanwhile(ssh: asyncssh.SSHClientConnection) -> None:
        ssh.abort()
        raise AttributeError("'NoneType' object has no attribute 'session_started'")

    async def our_own_mistake(ssh: asyncssh.SSHClientConnection) -> None:
        raise AttributeError("a typing error")

    with pytest.raises(Unreachable):
        await embedded.connection.channel(go_meanwhile)
    with pytest.raises(AttributeError, match="a typing error"):
        await embedded.connection.channel(our_own_mistake)
