"""Host keys on record: our own known_hosts (written here) and the user's ~/.ssh/known_hosts (only read).

A name is looked up as OpenSSH writes it (`[name]:port` beside port 22). Unlike asyncssh's own lookup it neither
falls back to the entry without the port nor matches by address: cloud addresses are given to other machines.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from remote.errors import UsageError
from remote.folders import config_folder, open_private, private_folder

SSH_PORT = 22


def fingerprint(key: asyncssh.SSHKey) -> str:
    """`SHA256:...` as `ssh-keygen -l` prints it."""
    return str(key.get_fingerprint())


def describe(key: asyncssh.SSHKey) -> str:
    """Type and fingerprint of a key, for people."""
    return f"{key.get_algorithm()} {fingerprint(key)}"


def entry_name(name: str, port: int) -> str:
    """A host as known_hosts(5) names it."""
    return name if port in (0, SSH_PORT) else f"[{name}]:{port}"


@dataclass(frozen=True)
class Record:
    """What is on record for one name."""

    keys: list[asyncssh.SSHKey] = field(default_factory=list)
    authorities: list[asyncssh.SSHKey] = field(default_factory=list)
    revoked: list[asyncssh.SSHKey] = field(default_factory=list)


@dataclass(frozen=True)
class KnownHosts:
    """Two files that say which key belongs to which host."""

    own: Path
    users: Path

    @classmethod
    def default(cls) -> KnownHosts:
        return cls(own=config_folder() / "known_hosts", users=Path("~/.ssh/known_hosts").expanduser())

    def record(self, name: str, port: int) -> Record:
        """Everything on record for a host, from both files. Lines that do not parse are passed over."""
        record = Record()
        for path in (self.own, self.users):
            known = _load(path)
            keys, authorities, revoked, *_ = known.match(entry_name(name, port), "", None)
            record.keys.extend(key for key in keys if key not in record.keys)
            record.authorities.extend(authorities)
            record.revoked.extend(revoked)
        return record

    def add(self, name: str, port: int, key: asyncssh.SSHKey) -> None:
        """Put a key that a person has accepted on record, in our own file."""
        entry = entry_name(name, port)
        if not entry.isprintable() or any(char in " ,*?!|#@" for char in entry):
            raise UsageError(f"{entry!r} cannot be a name in known_hosts")
        line = f"{entry} {key.export_public_key('openssh').decode('ascii').strip()}\n"
        try:
            private_folder(self.own.parent)
            descriptor = open_private(self.own, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, line.encode("utf-8"))
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise UsageError(f"{self.own} cannot be written: {exc.strerror}", hint="no key was put on record") from exc


def _load(path: Path) -> asyncssh.SSHKnownHosts:
    known = asyncssh.SSHKnownHosts()
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return known
    for line in lines:
        try:
            known.load(line)
        except ValueError:
            continue
    return known
