"""Logging in: keys, passphrases, second factors, and every way in which it fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from remote.asker import Refuser
from remote.dialer import Dialer
from remote.errors import AuthenticationFailed, RemoteError, Unreachable, UsageError
from remote.hostkeys import KnownHosts
from remote.identities import Identities
from remote.login import Login, Patience
from remote.private_keys import Keyring
from remote.profiles import Host
from remote.snapshot import Link
from tests.fixtures.ssh import MockedSsh, Sshd, connected, free_port, trust, write_key


class Person(Refuser):
    """Answers from a list."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def passphrase(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return self.answers.pop(0) if self.answers else None

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        self.asked += [title, *(text for text, _ in prompts)]
        return [self.answers.pop(0) for _ in prompts] if self.answers else None


async def failure(host: Host, **options: object) -> RemoteError:
    async with connected(host, **options) as connection:
        with pytest.raises(RemoteError) as caught:
            await connection.ssh()
        expected = Link.NEEDS_YOU if caught.value.exit_code == 4 else Link.OFFLINE
        assert connection.status.link is expected and connection.status.reason == str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


async def test_a_name_that_does_not_resolve(home: Path) -> None:
    error = await failure(Host("gpu", address="no-such-host.invalid", user="u"))
    assert isinstance(error, Unreachable) and "no machine is named 'no-such-host.invalid'" in str(error)


async def test_a_port_where_nothing_listens(home: Path) -> None:
    error = await failure(Host("gpu", address="127.0.0.1", port=free_port(), user="u"))
    assert isinstance(error, Unreachable) and "refused the connection" in str(error)


async def test_a_host_that_never_answers(silent_port: int) -> None:
    host = Host("gpu", address="127.0.0.1", port=silent_port, user="u")
    dialer = Dialer(host, Refuser(), Keyring(), KnownHosts.default(), timeout_s=0.2)
    with pytest.raises(Unreachable, match="did not answer in time"):
        await dialer.dial(lambda reason: None)


async def test_something_that_is_no_ssh(home: Path) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n\x1b[2J\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(web, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(Host("gpu", address="127.0.0.1", port=port, user="u"))
    assert isinstance(error, Unreachable) and str(error).isprintable()


async def test_a_wrong_key_names_what_was_tried(mocked_ssh: MockedSsh, home: Path) -> None:
    write_key(home / "wrong")
    error = await failure(replace(mocked_ssh.host, identity=str(home / "wrong")))
    assert isinstance(error, AuthenticationFailed)
    assert f"publickey ({home / 'wrong'})" in str(error) and "tester@127.0.0.1" in str(error)


async def test_a_key_file_that_is_missing_or_no_key(mocked_ssh: MockedSsh, home: Path) -> None:
    error = await failure(replace(mocked_ssh.host, identity=str(home / "absent")))
    assert isinstance(error, UsageError) and f"{home / 'absent'} does not exist" in str(error)
    (home / "text").touch(0o600)
    error = await failure(replace(mocked_ssh.host, identity=str(home / "text")))
    assert isinstance(error, UsageError) and "is not a private key" in str(error)


async def test_a_key_that_others_may_read_is_refused(mocked_ssh: MockedSsh) -> None:
    os.chmod(mocked_ssh.host.identity, 0o644)
    error = await failure(mocked_ssh.host)
    assert isinstance(error, AuthenticationFailed) and "others may read" in str(error)
    assert error.hint == f"chmod 600 {mocked_ssh.host.identity}"


async def test_names_that_would_reach_a_shell(home: Path) -> None:
    for bad in (Host("x", address="-oProxyCommand=id"), Host("x", address="a", user="$(id)"), Host("x", alias="a;b")):
        assert isinstance(await failure(bad), UsageError)


async def test_a_passphrase_is_asked_for_once(mocked_ssh: MockedSsh, home: Path) -> None:
    key = write_key(home / "locked", passphrase="open sesame")
    host = replace(mocked_ssh.host, identity=str(home / "locked"))
    mocked_ssh.authorize(key)
    person, keyring = Person("wrong", "open sesame"), Keyring()
    for _ in range(2):
        async with connected(host, asker=person, keyring=keyring) as connection:
            await connection.ssh()
    first, second = person.asked
    assert str(home / "locked") in first and "not the passphrase" in second


async def test_two_hosts_with_one_key_ask_once(mocked_ssh: MockedSsh, home: Path) -> None:
    mocked_ssh.authorize(write_key(home / "locked", passphrase="open sesame"))
    host = replace(mocked_ssh.host, identity=str(home / "locked"))
    person = Person("open sesame")
    async with connected(host, asker=person) as first, connected(replace(host, name="b"), asker=person) as second:
        await asyncio.gather(first.ssh(), second.ssh())
    assert len(person.asked) == 1


async def test_no_passphrase_is_a_refused_login(mocked_ssh: MockedSsh, home: Path) -> None:
    mocked_ssh.authorize(write_key(home / "locked", passphrase="open sesame"))
    host = replace(mocked_ssh.host, identity=str(home / "locked"))
    error = await failure(host, asker=Person())
    assert isinstance(error, AuthenticationFailed)


async def test_keyboard_interactive_goes_through_the_asker(mocked_ssh: MockedSsh, home: Path) -> None:
    mocked_ssh.codes["tester"] = "123456"
    write_key(home / "wrong")
    host = replace(mocked_ssh.host, identity=str(home / "wrong"))
    person = Person("123456")
    async with connected(host, asker=person) as connection:
        await connection.ssh()
    assert "Code: " in person.asked and all(line.isprintable() for text in person.asked for line in text.split("\n"))
    error = await failure(host, asker=Person("000000"))
    assert isinstance(error, AuthenticationFailed) and "keyboard-interactive" in str(error)


async def test_what_a_host_says_keeps_its_lines_and_no_more_of_them_than_a_screen_holds() -> None:
    async def challenged(instructions: str, prompt: str, name: str = "") -> list[str]:
        person, keys = Person("1"), Identities()
        async with Patience(60.0) as patience:
            login = Login("gpu", person, Keyring(), keys, patience, lambda reason: None)
            assert await login.kbdint_challenge_received(name, instructions, "", [(prompt, True)]) == ["1"]
            await login.close()
        return person.asked

    menu = "\n 1. Duo \x1b[31mPush\x1b[0m\r\n 2. Phone\n\nOption: "
    assert await challenged("Read\nthis", menu, "Duo\nlogin") == [
        "gpu Duo login\nRead\nthis", " 1. Duo Push\n 2. Phone\n\nOption: ",
    ]  # fmt: skip
    assert all(text.count("\n") <= 20 and len(text) < 5000 for text in await challenged("line\n" * 500, "x" * 10_000))


async def test_a_slow_person_does_not_time_out(mocked_ssh: MockedSsh, home: Path) -> None:
    """The deadline is the host's: it stands still while a question is open."""
    mocked_ssh.codes["tester"] = "123456"
    write_key(home / "wrong")
    asked, answered = asyncio.Event(), asyncio.Event()

    class Slow(Person):
        async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str]:
            asked.set()
            await answered.wait()
            return ["123456"]

    host = replace(mocked_ssh.host, identity=str(home / "wrong"))
    dialer = Dialer(host, Slow(), Keyring(), KnownHosts.default(), timeout_s=1)
    dialling = asyncio.ensure_future(dialer.dial(lambda reason: None))
    await asked.wait()
    await asyncio.sleep(1.2)
    answered.set()
    (await dialling).abort()


async def test_an_alias_of_the_users_ssh_config(mocked_ssh: MockedSsh, home: Path) -> None:
    config = (
        f"Host labbox\n  HostName 127.0.0.1\n  Port {mocked_ssh.host.port}\n  User tester\n"
        f"  IdentityFile {mocked_ssh.host.identity}\n  RemoteCommand reboot\n  RequestTTY yes\n"
    )
    (home / ".ssh" / "config").write_text(config)
    mocked_ssh.on("^whoami", "me\n")
    async with connected(Host("lab", alias="labbox")) as connection:
        assert (await connection.run("whoami")).stdout == b"me\n"
    assert mocked_ssh.commands == ["whoami"]
    (home / ".ssh" / "config").write_text("Host labbox\n  Port many\n")
    error = await failure(Host("lab", alias="labbox"))
    assert isinstance(error, UsageError) and "ssh/config" in str(error)


@pytest.mark.hosts
async def test_a_real_sshd_is_strict_too(sshd: Sshd, home: Path) -> None:
    error = await failure(sshd.host)
    assert error.code == "host_key_unknown"
    trust(sshd.host, sshd.folder / "host_key.pub")
    write_key(home / "wrong")
    error = await failure(replace(sshd.host, identity=str(home / "wrong")))
    assert isinstance(error, AuthenticationFailed)
    async with connected(sshd.host) as connection:
        assert (await connection.run("echo in")).stdout == b"in\n"
        ssh = await connection.ssh()
        assert ssh.get_extra_info("recv_cipher") == "aes128-gcm@openssh.com"
