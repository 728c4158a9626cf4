"""The bridge: one kind of command, this user only, bytes and exit codes unchanged, the connection never at risk."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shlex
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote import bridge_helper
from remote.bridge import Bridge
from remote.bridge_socket import peer_uid, private_folder
from remote.doors import Door, git_door, rsync_door
from remote.errors import Unreachable
from remote.relay import Relay
from tests.fixtures.ssh import FarHost

PIPE = asyncio.subprocess.PIPE


def serve(command: str) -> Door:
    """A door for tests: whoever asks for `it` gets `command`."""
    return lambda argv: command if list(argv) == ["host", "it"] else None


@contextlib.asynccontextmanager
async def helper(bridge: Bridge, *argv: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The helper as git or rsync would start it."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(bridge.command),
        *(argv or ("host", "it")),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **bridge.environment, **env},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_bytes_and_exit_code_come_through(far_host: FarHost) -> None:
    command = "cat; printf 'to \\033]0;stderr\\007 it\\n' >&2; exit 7"
    async with Bridge(far_host.connection, serve(command)) as bridge:
        async with helper(bridge) as process:
            data = os.urandom(3 * 2**20)
            out, err = await process.communicate(data)
            assert (out == data, err, process.returncode) == (True, b"to  it\n", 7)
        assert (bridge.received, bridge.sent, bridge.code, bridge.error) == (len(data), len(data), 7, None)
        assert bridge.stderr == "to  it\n"


@pytest.mark.parametrize(("command", "code"), [("exec no-such-program", 127), ("kill -KILL $$", 137), ("true", 0)])
async def test_every_kind_of_end_is_passed_on(far_host: FarHost, command: str, code: int) -> None:
    async with Bridge(far_host.connection, serve(command)) as bridge:
        async with helper(bridge) as process:
            await process.communicate(b"")
            assert process.returncode == code == bridge.code


async def test_what_the_door_does_not_know_is_refused(embedded: FarHost) -> None:
    marker = embedded.home / "ran"
    async with Bridge(embedded.connection, serve(f"touch {marker}")) as bridge:
        for argv, env in ((("host", "other"), {}), (("host",), {}), (("host", "it"), {bridge_helper.TOKEN: "wrong"})):
            async with helper(bridge, *argv, **env) as process:
                _, err = await process.communicate()
                assert process.returncode == 255 and b"refuses" in err
    assert not marker.exists()


def test_git_door_serves_one_push_into_one_place() -> None:
    door = git_door("/r/it's\n$(x).git")
    command = door(["host", "git-receive-pack '/place'"])
    assert command is not None and shlex.split(command)[-2:] == ["receive-pack", "/r/it's\n$(x).git"]
    assert "core.hooksPath=/dev/null" in command
    for argv in (
        ["host", "git-upload-pack '/place'"],
        ["host", "git-receive-pack '/place'; touch x"],
        ["host", "git-receive-pack '/etc'"],
        ["other", "git-receive-pack '/place'"],
        ["-oProxyCommand=x", "host", "git-receive-pack '/place'"],
        [],
    ):
        assert door(argv) is None


def test_rsync_door_serves_reading_one_folder() -> None:
    door = rsync_door("/runs/od'd $(x)\nname")
    real = ["rsync", "--server", "--sender", "-ltpre.iLsfxCIvu", "--timeout=120", ".", "/place/"]
    command = door(["host", *real])
    assert command is not None and shlex.split(command)[-1] == "/runs/od'd $(x)\nname/"
    assert door(["host", " ".join(real)]) == command, "some rsyncs pass one argument"
    for bad in (
        "rsync --server -ltpre.iLsfxCIvu . /place/",
        "rsync --server --sender -ltpr . /etc/",
        "rsync --server --sender -ltpr . /place/ /etc/",
        "rsync --server --sender -ltpr;reboot . /place/",
        "rsync --server --sender --rsync-path=$(x) . /place/",
        "sh -c rsync --server --sender . /place/",
        "rsync --daemon --sender -l . /place/",
    ):
        assert door(["host", *bad.split(" ")]) is None, bad


@given(
    st.lists(
        st.one_of(st.text(max_size=20), st.sampled_from(["host", "rsync", "--server", "--sender", ".", "/place/"]))
    )
)
def test_no_argument_gets_past_a_door_as_anything_but_an_option(words: list[str]) -> None:
    for argv in (words, ["host", "rsync", "--server", "--sender", *words, ".", "/place/"]):
        command = rsync_door("/run")(argv)
        if command is not None:
            parts = shlex.split(command)
            assert parts[:4] == ["exec", "rsync", "--server", "--sender"] and parts[-2:] == [".", "/run/"]
            assert all(re.fullmatch(r"-[A-Za-z0-9.=_+-]+", part) for part in parts[4:-2])
            assert "\n" not in command and "$" not in command and ";" not in command


async def test_socket_is_private_and_short_and_goes_away(embedded: FarHost) -> None:
    async with Bridge(embedded.connection, serve("true")) as bridge:
        path = Path(bridge.environment[bridge_helper.SOCKET])
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 and stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(os.fsencode(path)) < 104 and " " not in bridge.command.removeprefix("sh ")
        assert len(bridge.environment[bridge_helper.TOKEN]) == 64
    assert not path.parent.exists()


def test_folder_with_spaces_is_not_used_for_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaced = tmp_path / "with space"
    spaced.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(spaced))
    folder = private_folder()
    folder.rmdir()
    assert " " not in str(folder)


def test_peer_is_known_by_its_user() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()


@pytest.mark.parametrize("noise", [b"", b"\0", b"\xff\xff\xff\xff", b"\0\0\0\5hello", b"\0\0\0\0"])
async def test_noise_on_the_socket_harms_nobody(embedded: FarHost, noise: bytes) -> None:
    async with Bridge(embedded.connection, serve("true")) as bridge:
        reader, writer = await asyncio.open_unix_connection(bridge.environment[bridge_helper.SOCKET])
        writer.write(noise)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        async with helper(bridge) as process:
            await process.communicate(b"")
            assert process.returncode == 0


async def test_a_stranger_who_says_nothing_does_not_hold_the_end_up(embedded: FarHost) -> None:
    async with Bridge(embedded.connection, serve("true")) as bridge:
        _, writer = await asyncio.open_unix_connection(bridge.environment[bridge_helper.SOCKET])
        async with helper(bridge) as process:
            await process.communicate(b"")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_slow_reader_holds_the_host_back_and_loses_nothing(far_host: FarHost) -> None:
    size = 48 * 2**20
    async with Bridge(far_host.connection, serve(f"head -c {size} /dev/zero; exit 3")) as bridge:
        async with helper(bridge) as process:
            assert process.stdout is not None
            process.stdin.close()  # type: ignore[union-attr]
            before = -1
            async with asyncio.timeout(20):
                while bridge.received != before:  # until nothing more moves
                    before = bridge.received
                    await asyncio.sleep(0.3)
            assert bridge.received < 4 * 2**20, "what nobody reads must stay on the host"
            total = 0
            while data := await process.stdout.read(2**20):
                total += len(data)
            assert total == size and await process.wait() == 3


async def test_slow_host_holds_the_local_program_back(far_host: FarHost) -> None:
    gate = far_host.home / "gate"
    command = f"while [ ! -e {gate} ]; do sleep 0.05; done; sha256sum | cut -c1-64"
    data = os.urandom(24 * 2**20)
    async with Bridge(far_host.connection, serve(command)) as bridge:
        async with helper(bridge) as process:
            task = asyncio.create_task(process.communicate(data))
            before = -1
            async with asyncio.timeout(20):
                while bridge.sent != before:
                    before = bridge.sent
                    await asyncio.sleep(0.3)
            assert bridge.sent < 20 * 2**20
            gate.touch()
            out, _ = await task
            assert out.decode().strip() == hashlib.sha256(data).hexdigest()


async def test_local_program_that_stops_reading_ends_the_remote_one(far_host: FarHost) -> None:
    pid_file = far_host.home / "pid"
    command = f"echo $$ >{pid_file}; exec cat /dev/zero"
    async with Bridge(far_host.connection, serve(command)) as bridge:
        async with helper(bridge) as process:
            assert process.stdout is not None
            await process.stdout.readexactly(2**20)
            process.kill()
            await process.communicate()  # not wait(): asyncio waits for a pipe that nobody reads, too
            pid = int(pid_file.read_text())
            async with asyncio.timeout(20):
                while alive(pid):
                    await asyncio.sleep(0.02)
    assert (await far_host.connection.run("true")).code == 0


def alive(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


async def test_lost_connection_ends_the_helper_and_is_said(far_host: FarHost) -> None:
    async with Bridge(far_host.connection, serve("echo here; exec cat")) as bridge:
        async with helper(bridge) as process:
            assert process.stdout is not None
            await process.stdout.readline()
            (await far_host.connection.ssh()).abort()
            assert await process.wait() == 255
        assert isinstance(bridge.error, Unreachable)


async def test_failing_callback_ends_its_command_only(far_host: FarHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = await far_host.connection.ssh()

    def fail(received: int) -> None:
        raise RuntimeError("a bug in a callback")

    async with Bridge(far_host.connection, serve("echo x; exec cat"), on_received=fail) as bridge:
        async with helper(bridge) as process:
            assert await process.wait() == 255
    assert not ssh.is_closed() and (await far_host.connection.run("echo fine")).stdout == b"fine\n"


async def test_every_callback_of_the_session_is_guarded() -> None:
    """asyncssh closes the whole connection on an exception in any of these."""
    relay = Relay(lambda received, sent: None, lambda data: None)
    theirs = {name for name, kind in vars(asyncssh.SSHClientSession).items() if callable(kind) and name[0] != "_"}
    ours = {name for name in theirs if name in vars(Relay)}
    unguarded = {name for name in ours if not hasattr(getattr(Relay, name), "__wrapped__")}
    assert unguarded <= {"eof_received"} and {"data_received", "connection_lost"} <= ours | set(vars(Relay))
    relay.ended.cancel()
    relay.output_closed.cancel()


async def test_full_host_is_asked_again(embedded: FarHost) -> None:
    from remote import embedded as module

    server = module.shared()
    await embedded.connection.ssh()
    server.faults.refuse_opens = 3
    async with Bridge(embedded.connection, serve("echo yes")) as bridge:
        async with helper(bridge) as process:
            out, _ = await process.communicate(b"")
            assert out == b"yes\n"


async def test_closing_the_bridge_ends_everything_and_leaks_nothing(far_host: FarHost) -> None:
    await far_host.connection.run("true")
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir())) if folder.exists() else 0
    async with Bridge(far_host.connection, serve("exec cat")) as bridge:
        processes = [
            await asyncio.create_subprocess_exec(
                *shlex.split(bridge.command),
                "host",
                "it",
                stdin=PIPE,
                stdout=PIPE,
                env={**os.environ, **bridge.environment},
            )
            for _ in range(3)
        ]
        for process in processes:
            process.stdin.write(b"hello\n")  # type: ignore[union-attr]
            assert await process.stdout.readline() == b"hello\n"  # type: ignore[union-attr]
    for process in processes:
        await process.communicate()
        assert process.returncode == 255
    if before:
        async with asyncio.timeout(10):
            while len(list(folder.iterdir())) > before:
                await asyncio.sleep(0.02)
    assert (await far_host.connection.run("true")).code == 0


async def test_helper_imports_nothing_beside_socket() -> None:
    source = f"exec(compile(open({bridge_helper.__file__!r}).read(), 'helper', 'exec'), {{'__name__': 'helper'}})"
    code = f"import sys, os, socket; before = set(sys.modules); {source}; print(*(set(sys.modules) - before))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", code, stdout=PIPE)
    out, _ = await process.communicate()
    assert set(out.decode().split()) <= {"__future__"}


async def test_helper_without_an_app_says_so() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", bridge_helper.__file__, "host", "it", stderr=PIPE, env={"PATH": "/bin"}
    )
    _, err = await process.communicate()
    assert process.returncode == 255 and err == b"the bridge is closed\n"
