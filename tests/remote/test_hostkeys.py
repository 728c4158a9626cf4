"""Host keys: asked for once, written private, and never replaced by another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
from collections.abc import Sequence
from pathlib import Path

import asyncssh
import pytest

from remote.asker import RefuserAccepting
from remote.connection import Connection
from remote.errors import HostKeyChanged, HostKeyUnknown, UsageError
from remote.hostkeys import KnownHosts, fingerprint
from remote.snapshot import Link
from tests.fixtures.ssh import MockedSsh


class Clerk:
    """Says yes or no to host keys, and remembers what it was asked."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        self.asked.append((host, fingerprint))
        return self.answer

    async def passphrase(self, prompt: str) -> str | None:
        return None

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        return None


def forget_all() -> KnownHosts:
    known = KnownHosts.default()
    known.own.unlink()
    return known


def other_key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind).convert_to_public()


async def test_an_unknown_key_is_refused_with_its_fingerprint(mocked_ssh: MockedSsh) -> None:
    known = forget_all()
    connection = Connection(mocked_ssh.host)
    with pytest.raises(HostKeyUnknown) as caught:
        await connection.ssh()
    assert caught.value.fingerprint == fingerprint(mocked_ssh.host_key)
    assert caught.value.fingerprint in str(caught.value)
    assert f"--accept-host-key {caught.value.fingerprint}" in caught.value.hint
    assert connection.status.link is Link.NEEDS_YOU
    assert not known.own.exists()
    await connection.close()


async def test_a_key_is_asked_for_once_and_put_on_record(mocked_ssh: MockedSsh) -> None:
    known = forget_all()
    clerk = Clerk(True)
    for _ in range(2):
        connection = Connection(mocked_ssh.host, asker=clerk)
        await connection.ssh()
        await connection.close()
    assert len(clerk.asked) == 1 and clerk.asked[0][1] == fingerprint(mocked_ssh.host_key)
    assert "127.0.0.1" in clerk.asked[0][0]
    assert known.own.read_text().startswith(f"[127.0.0.1]:{mocked_ssh.host.port} ssh-ed25519 ")
    assert stat.S_IMODE(known.own.stat().st_mode) == 0o600
    assert stat.S_IMODE(known.own.parent.stat().st_mode) == 0o700


async def test_accept_host_key_accepts_exactly_that_one(mocked_ssh: MockedSsh) -> None:
    forget_all()
    wrong = Connection(mocked_ssh.host, asker=RefuserAccepting(fingerprint(other_key())))
    with pytest.raises(HostKeyUnknown):
        await wrong.ssh()
    right = Connection(mocked_ssh.host, asker=RefuserAccepting(fingerprint(mocked_ssh.host_key)))
    await right.ssh()
    await right.close()


async def test_accepting_the_new_key_beforehand_does_not_replace_the_one_on_record(mocked_ssh: MockedSsh) -> None:
    known = forget_all()
    known.add(mocked_ssh.host.address, mocked_ssh.host.port, other_key())
    before = known.own.read_text()
    connection = Connection(mocked_ssh.host, asker=RefuserAccepting(fingerprint(mocked_ssh.host_key)))
    with pytest.raises(HostKeyChanged):
        await connection.ssh()
    assert known.own.read_text() == before


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
async def test_another_key_is_refused_and_never_asked_about(mocked_ssh: MockedSsh, kind: str) -> None:
    """Also one of another type: asyncssh alone would only say that there is no common algorithm."""
    known = forget_all()
    recorded = other_key(kind)
    known.add(mocked_ssh.host.address, mocked_ssh.host.port, recorded)
    before = known.own.read_text()
    clerk = Clerk(True)
    connection = Connection(mocked_ssh.host, asker=clerk)
    with pytest.raises(HostKeyChanged) as caught:
        await connection.ssh()
    assert fingerprint(recorded) in str(caught.value) and fingerprint(mocked_ssh.host_key) in str(caught.value)
    assert clerk.asked == [] and known.own.read_text() == before
    assert connection.status.link is Link.NEEDS_YOU
    await connection.close()


async def test_the_users_known_hosts_counts_and_is_only_read(mocked_ssh: MockedSsh, home: Path) -> None:
    forget_all()
    name = f"[127.0.0.1]:{mocked_ssh.host.port}"
    key = mocked_ssh.host_key.export_public_key("openssh").decode()
    text = f"not a line\n|1|broken|hash ssh-ed25519 AAAA\n{name} {key}"
    (home / ".ssh" / "known_hosts").write_text(text)
    connection = Connection(mocked_ssh.host)
    await connection.ssh()
    await connection.close()
    assert (home / ".ssh" / "known_hosts").read_text() == text
    (home / ".ssh" / "known_hosts").write_text(f"{name} {other_key().export_public_key('openssh').decode()}")
    connection = Connection(mocked_ssh.host, asker=Clerk(True))
    with pytest.raises(HostKeyChanged):
        await connection.ssh()


async def test_a_revoked_key_is_refused(mocked_ssh: MockedSsh, home: Path) -> None:
    key = mocked_ssh.host_key.export_public_key("openssh").decode()
    (home / ".ssh" / "known_hosts").write_text(f"@revoked * {key}")
    connection = Connection(mocked_ssh.host, asker=Clerk(True))
    with pytest.raises(HostKeyChanged, match="revoked"):
        await connection.ssh()


def test_hashed_names_of_the_users_file_count(tmp_path: Path) -> None:
    """HashKnownHosts is the default of Debian: |1|salt|HMAC-SHA1(salt, name)."""
    key, salt = other_key(), b"0123456789abcdefghij"
    digest = hmac.new(salt, b"[lab]:2222", hashlib.sha1).digest()
    name = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    (tmp_path / "users").write_text(f"{name} {key.export_public_key('openssh').decode()}")
    known = KnownHosts(tmp_path / "own", tmp_path / "users")
    assert known.record("lab", 2222).keys == [key] and known.record("lab", 22).keys == []


def test_a_record_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "own").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="cannot be written"):
        KnownHosts(tmp_path / "own", tmp_path / "users").add("lab", 22, other_key())
    assert not (tmp_path / "elsewhere").exists()


def test_a_name_is_matched_as_openssh_writes_it(tmp_path: Path) -> None:
    known = KnownHosts(tmp_path / "own", tmp_path / "users")
    plain, ported = other_key(), other_key()
    known.add("lab", 22, plain)
    known.add("lab", 2222, ported)
    assert known.record("lab", 22).keys == [plain]
    assert known.record("lab", 2222).keys == [ported]
    assert known.record("lab", 2200).keys == []
    for bad in ("a b", "a,b", "a\nb", "*", "@revoked"):
        with pytest.raises(UsageError):
            known.add(bad, 22, plain)
