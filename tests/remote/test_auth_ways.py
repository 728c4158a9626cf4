"""Ways in: the agent, keys of ~/.ssh/config, certificates, HostKeyAlias, ProxyCommand; and what is said without one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from remote.asker import Refuser
from remote.connection import Connection
from remote.errors import AuthenticationFailed, RemoteError, Unreachable, UsageError
from remote.hostkeys import KnownHosts
from remote.identities import Identities
from remote.profiles import Host
from tests.fixtures.gates import Gate, opened
from tests.fixtures.ssh import Sshd, current_user, sshd_running, trust, write_key

BOX = Host("box", alias="box")


@pytest.fixture
async def gate(home: Path) -> AsyncIterator[Gate]:
    async with opened(Gate()) as one:
        one.on_record()
        yield one


def configure(home: Path, gate: Gate, text: str) -> None:
    path = home / ".ssh" / "config"
    path.write_text(f"Host box\n HostName 127.0.0.1\n Port {gate.port}\n User ada\n{text}")
    path.chmod(0o600)


async def enters(host: Host = BOX, asker: object = None) -> bool:
    connection = Connection(host, asker=asker or Refuser())  # type: ignore[arg-type]
    try:
        return (await connection.run("in")).stdout == b"in"
    finally:
        await connection.close()


async def failure(host: Host = BOX) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await enters(host)
    return caught.value


@contextlib.asynccontextmanager
async def agent(socket: Path, keys: Sequence[asyncssh.SSHKey]) -> AsyncIterator[None]:
    """An ssh-agent that holds `keys`."""
    try:
        process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        pytest.skip("no ssh-agent here")
    try:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(OSError):  # it does not listen yet
                        client = await stack.enter_async_context(asyncssh.connect_agent(str(socket)))
                        break
                    await asyncio.sleep(0.01)
            for key in keys:
                await client.add_keys([key])
        yield
    finally:
        process.terminate()
        process.wait(60)


def new_keys(count: int) -> list[asyncssh.SSHKey]:
    return [asyncssh.generate_private_key("ssh-ed25519") for _ in range(count)]


SYSTEMS = """Host *
    SendEnv LANG LC_*
    HashKnownHosts yes
    GSSAPIAuthentication yes
Match final all
    Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com
    MACs hmac-sha2-256-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512-etm@openssh.com
    GSSAPIKexAlgorithms gss-curve25519-sha256-,gss-nistp256-sha256-,gss-group14-sha256-
    KexAlgorithms mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256
    PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512
    CASignatureAlgorithms ecdsa-sha2-nistp256,sk-ssh-ed25519@openssh.com,rsa-sha2-512
    RequiredRSASize 2048
"""
"""/etc/ssh/ssh_config of Debian, and what Fedora's policies put into it."""


async def test_what_distributions_write_for_everybody_is_no_hindrance(home: Path, gate: Gate) -> None:
    gate.keys = [write_key(home / ".ssh" / "id_ed25519").convert_to_public()]
    configure(home, gate, "")
    (home / "ssh_config").write_text(SYSTEMS)
    assert await enters()


async def test_the_agents_keys_enter(gate: Gate, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = new_keys(2)
    gate.keys = [keys[1].convert_to_public()]
    configure(home, gate, "")
    async with agent(home / "a", keys):
        assert isinstance(await failure(), AuthenticationFailed)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "a"))
        assert await enters()
        configure(home, gate, " IdentityAgent none\n")
        assert isinstance(await failure(), AuthenticationFailed)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "no"))
        for said in ("~/a", '"%d/a"', "$OTHER_SOCK"):
            monkeypatch.setenv("OTHER_SOCK", str(home / "a"))
            configure(home, gate, f" IdentityAgent {said}\n")
            assert await enters(), said


@pytest.mark.slow
async def test_a_public_half_names_a_key_of_the_agent(gate: Gate, home: Path) -> None:
    keys = new_keys(7)
    gate.keys = [keys[6].convert_to_public()]
    (home / ".ssh" / "mine.pub").write_bytes(keys[6].export_public_key("openssh"))
    seen: list[asyncssh.SSHKey] = []
    async with agent(home / "a", keys):
        configure(home, gate, " IdentityAgent ~/a\n IdentityFile ~/.ssh/mine.pub\n")
        assert await enters()
        configure(home, gate, " IdentityAgent ~/a\n IdentityFile ~/.ssh/mine.pub\n IdentitiesOnly yes\n")
        assert await enters()
        gate.keys = seen
        error = await failure()
        assert "publickey (1 key of the agent)" in str(error)
        configure(home, gate, " IdentityAgent ~/a\n IdentityFile ~/.ssh/mine.pub\n")
        assert "publickey (7 keys of the agent)" in str(await failure())


async def test_key_files_that_cannot_be_used_are_passed_over_and_named(gate: Gate, home: Path) -> None:
    gate.keys = [write_key(home / ".ssh" / "good").convert_to_public()]
    write_key(home / ".ssh" / "open").convert_to_public()
    (home / ".ssh" / "open").chmod(0o644)
    (home / ".ssh" / "text").touch(0o600)
    text = " IdentityFile ~/.ssh/absent\n IdentityFile ~/.ssh/open\n IdentityFile ~/.ssh/text\n"
    configure(home, gate, text + " IdentityFile ~/.ssh/good\n CertificateFile ~/.ssh/none\n")
    assert await enters()
    configure(home, gate, text)
    error = await failure()
    assert isinstance(error, AuthenticationFailed)
    assert "tried: publickey (no key that could be shown)" in str(error)
    for why in ("absent does not exist", f"chmod 600 {home / '.ssh' / 'open'}", "text is not a private key"):
        assert why in str(error)


class Sesame(Refuser):
    async def passphrase(self, prompt: str) -> str | None:
        return "open sesame"


@pytest.mark.parametrize(
    ("where", "passphrase"), [("beside", None), ("named", "open sesame"), ("profile", "open sesame")]
)
async def test_a_certificate_enters(gate: Gate, home: Path, passphrase: str | None, where: str) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    gate.authority = authority.convert_to_public()
    key = write_key(home / ".ssh" / "id_cert", passphrase)
    host = BOX
    if where == "profile":
        host = Host("box", address="127.0.0.1", port=gate.port, user="ada", identity=str(home / ".ssh" / "id_cert"))
    name = "elsewhere" if where == "named" else "id_cert-cert.pub"
    configure(home, gate, f" IdentityFile ~/.ssh/id_cert\n CertificateFile ~/.ssh/{name}\n")
    assert isinstance(await failure(host), AuthenticationFailed)
    authority.generate_user_certificate(key, "ada", principals=["ada"]).write_certificate(str(home / ".ssh" / name))
    assert await enters(host, Sesame())


@pytest.mark.slow
async def test_a_certificate_beside_a_key_of_the_agent(gate: Gate, home: Path) -> None:
    [key], authority = new_keys(1), asyncssh.generate_private_key("ssh-ed25519")
    gate.authority = authority.convert_to_public()
    authority.generate_user_certificate(key, "ada", principals=["ada"]).write_certificate(str(home / ".ssh" / "c"))
    async with agent(home / "a", [key]):
        configure(home, gate, " IdentityAgent ~/a\n CertificateFile ~/.ssh/c\n")
        assert await enters()


async def test_the_key_is_on_record_under_its_alias(gate: Gate, home: Path) -> None:
    gate.keys = [write_key(home / ".ssh" / "id_ed25519").convert_to_public()]
    configure(home, gate, " HostKeyAlias cluster\n")
    error = await failure()
    assert error.code == "host_key_unknown"
    gate.on_record("cluster")
    assert await enters()
    assert KnownHosts.default().own.read_text().splitlines()[-1].startswith(f"[cluster]:{gate.port} ")


@pytest.mark.hosts
async def test_too_many_keys_of_the_agent_name_the_way_out(short_tmp: Path, home: Path) -> None:
    keys = new_keys(7)
    with sshd_running(short_tmp / "sshd", home, "MaxAuthTries 3\n") as server:
        trust(server.host, server.folder / "host_key.pub")
        host = replace(server.host, identity="")
        async with agent(home / "a", keys):
            (home / ".ssh" / "config").write_text(f"Host *\n IdentityAgent ~/a\n User {current_user()}\n")
            error = await failure(host)
            assert isinstance(error, AuthenticationFailed) and "no more tries after 3 keys" in str(error)
            assert "3 keys of the agent" in str(error) and "IdentitiesOnly yes" in error.hint
            key = f" IdentitiesOnly yes\n IdentityFile {server.folder / 'user_key'}\n"
            (home / ".ssh" / "config").write_text(f"Host *\n IdentityAgent ~/a\n{key}")
            connection = Connection(host)
            assert (await connection.run("echo in")).stdout == b"in\n"
            await connection.close()


@pytest.mark.slow
@pytest.mark.hosts
async def test_a_host_that_is_busy_with_logins_is_told_apart(short_tmp: Path, home: Path) -> None:
    with sshd_running(short_tmp / "sshd", home, "MaxStartups 1:100:1\n") as server:
        trust(server.host, server.folder / "host_key.pub")
        while True:  # the fixture's own look may still count as a login
            reader, writer = await asyncio.open_connection("127.0.0.1", server.host.port)
            if (await reader.readline()).startswith(b"SSH-"):
                break
            writer.close()
            await writer.wait_closed()
        error = await failure(server.host)
        assert isinstance(error, Unreachable) and "before a word" in str(error) and "MaxStartups" in error.hint
        writer.close()
        await writer.wait_closed()


PIPE = """
import os, socket, sys, threading
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def send():
    while data := os.read(0, 65536):
        link.sendall(data)
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
print("a warning", file=sys.stderr, flush=True)
os.close(2)
while data := link.recv(65536):
    os.write(1, data)
"""


@pytest.mark.parametrize("more", ["| cat 2>/dev/null # so it is", ""])
async def test_a_proxy_command_is_a_shells_and_its_complaints_are_no_bytes_of_the_host(
    gate: Gate, home: Path, more: str
) -> None:
    gate.keys = [write_key(home / ".ssh" / "id_ed25519").convert_to_public()]
    (home / "pipe.py").write_text(PIPE)
    configure(home, gate, f" ProxyCommand {sys.executable} ~/pipe.py %h %p {more}\n")
    assert await enters()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-program %h %p", "no-such-program: not found|no-such-program: command not found"),
        ("echo 'cannot get to %n as %r' >&2", "cannot get to box as ada"),
        ("true", "closed the connection before a word"),
        ("head -c 99999 /dev/zero | tr '\\0' x >&2; echo so it ends >&2", "so it ends"),
    ],
)
async def test_a_proxy_command_that_fails_is_named(
    gate: Gate, home: Path, monkeypatch: pytest.MonkeyPatch, command: str, why: str
) -> None:
    monkeypatch.delenv("SHELL", raising=False)
    configure(home, gate, f" ProxyCommand {command}\n")
    error = await failure()
    assert isinstance(error, Unreachable) and error.code == "proxy_command"
    assert any(one in str(error) for one in why.split("|")), str(error)
    assert f"{home}/.ssh/config:5" in error.hint and command.split()[0] in error.hint
    assert "%" not in error.hint, "it is to be tried by hand"
    assert len(str(error)) < 500


@pytest.mark.parametrize("text", [" User a;id\n ProxyCommand echo %r\n", " HostName a;id\n ProxyCommand echo %h\n"])
async def test_names_of_the_config_that_would_reach_a_shell(gate: Gate, home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(f"Host box\n{text}")
    assert isinstance(await failure(), UsageError)


async def test_an_address_that_is_not_this_laptops_is_named(gate: Gate, home: Path) -> None:
    configure(home, gate, " BindAddress 203.0.113.9\n")
    assert f"BindAddress ({home}/.ssh/config:5)" in (await failure()).hint


async def test_a_passphrase_is_asked_for_after_the_keys_that_need_none(home: Path) -> None:
    locked, _ = write_key(home / "locked"), write_key(home / "open")
    asked: list[Path] = []

    async def unlock(path: Path) -> object:
        asked.append(path)
        return locked

    ways = Identities(files=(home / "locked", home / "open"), locked=frozenset({home / "locked"}))
    assert [origin async for origin, _ in ways.offers(unlock)] == [str(home / "open"), str(home / "locked")]
    assert asked == [home / "locked"]


async def test_the_patience_is_the_configs(home: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (home / ".ssh" / "config").write_text(
            f"Host box\n HostName 127.0.0.1\n Port {port}\n ConnectTimeout 1s # short\n"
        )
        assert "did not answer in time" in str(await failure())


async def test_an_agent_that_hangs_is_no_agent(gate: Gate, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.identities.AGENT_TIMEOUT_S", 0.1)
    gate.keys = [write_key(home / ".ssh" / "id_ed25519").convert_to_public()]

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(mute, str(home / "a")):
        configure(home, gate, " IdentityAgent ~/a\n")
        assert await enters()


@pytest.mark.slow
@pytest.mark.hosts
async def test_the_way_of_a_real_config(sshd: Sshd, home: Path) -> None:
    """The same options against OpenSSH itself: a hop, an alias of its key, a key that is named."""
    trust(sshd.host, sshd.folder / "host_key.pub")
    KnownHosts.default().add("inside", sshd.host.port, asyncssh.read_public_key(str(sshd.folder / "host_key.pub")))
    text = f"Match exec true # ours\n User {current_user()}\n IdentityFile {sshd.folder / 'user_key'} # one\n"
    text += (
        f"Host gate box\n HostName 127.0.0.1\n Port {sshd.host.port}\nHost box\n ProxyJump gate\n HostKeyAlias inside\n"
    )
    (home / ".ssh" / "config").write_text(text)
    connection = Connection(BOX)
    assert (await connection.run("echo in")).stdout == b"in\n"
    ssh = await connection.ssh()
    assert os.fspath(sshd.folder) and ssh.get_extra_info("peername") is not None
    await connection.close()


@pytest.mark.slow
async def test_a_proxy_command_that_goes_on_is_ended(gate: Gate, home: Path) -> None:
    """Closing the connection ends its program with all that it started, also what does not look at its input."""
    command = "sh -c 'sleep 60 & echo $$ $! > ~/pids; wait' | cat"
    configure(home, gate, f" ConnectTimeout 1\n ProxyCommand {command}\n")
    assert "did not answer in time" in str(await failure())
    pids = (home / "pids").read_text().split()
    async with asyncio.timeout(30):
        while len(pids) != 2 or any(_lives(pid) for pid in pids):
            await asyncio.sleep(0.02)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
