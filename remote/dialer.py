"""One dial of one host: names, keys, host key, login; every foreign error becomes one of remote.errors.

asyncssh reads ~/.ssh/config (Host, Match, Include, ProxyJump, ProxyCommand, IdentityFile, certificates, agent). It
ignores `StrictHostKeyChecking`: host keys are always checked here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from remote.asker import Asker
from remote.clean import clean
from remote.dial_errors import translated
from remote.errors import (
    ConfigError,
    HostKeyChanged,
    HostKeyUnknown,
    Unreachable,
)
from remote.hostkeys import KnownHosts, Record, describe, fingerprint
from remote.login import Login, Patience
from remote.names import check_host_name, check_user_name
from remote.private_keys import Keyring, check_identity, default_identities, encrypted
from remote.profiles import Host
from remote.ssh_options import CIPHERS, CONNECT_TIMEOUT_S, KEEPALIVE_COUNT, KEEPALIVE_INTERVAL_S, LOGIN_TIMEOUT_S
from remote.target import Target

_KEY_EXCHANGE_HINT = "compare with `ssh -v` to this host"
_DIALS = 4
"""At most: with the key types on record, with all types, after the key was accepted, and once more."""


@dataclass
class Dialer:
    """Dials one host, again and again; remembers unlocked keys, never a connection."""

    host: Host
    asker: Asker
    keyring: Keyring
    known_hosts: KnownHosts
    timeout_s: float = CONNECT_TIMEOUT_S

    async def dial(self, on_lost: Callable[[str], None]) -> asyncssh.SSHClientConnection:
        """A logged-in connection. Raises `Unreachable`, `NeedsYou` or `UsageError`."""
        target = await self._resolve()
        key_types: object = ()
        for _ in range(_DIALS):
            record = self.known_hosts.record(target.record_name, target.port)
            login = self._login(target, on_lost)
            try:
                async with login.patience:
                    return await self._connect(target, record, login, key_types)
            except asyncssh.KeyExchangeFailed as exc:
                # asyncssh offers only the types of the keys on record; another type must be seen to be named.
                if key_types or not record.keys:
                    raise Unreachable(f"{target.place}: {clean(str(exc))}", hint=_KEY_EXCHANGE_HINT) from exc
                key_types = "default"
            except asyncssh.HostKeyNotVerifiable as exc:
                await self._decide(target, record, login, exc)
            except Exception as exc:
                raise translated(exc, target, login) from exc
        raise Unreachable(f"{target.place} shows a different host key on every connection")

    async def _resolve(self) -> Target:
        host = self.host
        name = host.alias or host.address
        check_host_name(name, host.name)
        if host.user:
            check_user_name(host.user, host.name)
        with _config_errors(host):
            options = await asyncssh.SSHClientConnectionOptions.construct(
                **_address(host), client_keys=None, agent_path=None, known_hosts=None
            )
        named = [host.identity] if host.identity else options.config.get("IdentityFile", [])
        identities = [Path(path).expanduser() for path in named]
        return Target(
            host=host,
            address=str(options.host),
            port=int(options.port),
            user=str(options.username),
            record_name=str(options.host_key_alias or options.host),
            identities=tuple(identities or default_identities()),
        )

    def _login(self, target: Target, on_lost: Callable[[str], None]) -> Login:
        locked = []
        for path in target.identities:
            if self.host.identity or path.exists():
                check_identity(path, self.host.name)
                if encrypted(path):
                    locked.append(path)
        return Login(target.place, self.asker, self.keyring, locked, Patience(self.timeout_s), on_lost)

    async def _connect(
        self, target: Target, record: Record, login: Login, key_algorithms: object
    ) -> asyncssh.SSHClientConnection:
        keys: dict[str, object] = {}
        if self.host.identity and not encrypted(target.identities[0]):
            # The key that the profile names, and no other: an agent full of keys would use up the host's tries.
            keys = {"client_keys": [str(target.identities[0])], "agent_path": None}
        return await asyncssh.connect(
            **_address(self.host),
            **keys,
            client_factory=lambda: login,
            known_hosts=lambda host, addr, port: (record.keys, record.authorities, record.revoked),
            server_host_key_algs=key_algorithms,
            encryption_algs=CIPHERS,
            keepalive_interval=KEEPALIVE_INTERVAL_S,
            keepalive_count_max=KEEPALIVE_COUNT,
            login_timeout=LOGIN_TIMEOUT_S,
            command=None,
            x11_forwarding=False,
            agent_forwarding=False,
        )

    async def _decide(self, target: Target, record: Record, login: Login, exc: Exception) -> None:
        """Return if the key was accepted just now; raise otherwise. A key that changed is never asked about."""
        shown = login.shown_key
        if shown is None:
            text = clean(str(exc))
            if "revoked" in text:
                raise HostKeyChanged(f"{target.place}: the key that the host shows is marked as revoked") from exc
            raise HostKeyUnknown(f"{target.place}: {text}", fingerprint="", hint=_JUMP_HINT) from exc
        if record.keys:
            on_record = ", ".join(describe(key) for key in record.keys)
            raise HostKeyChanged(
                f"{target.place} shows another key than the one on record: it shows {describe(shown)}, "
                f"on record is {on_record}",
                hint="somebody may be listening. If the machine was really replaced, remove the old entry from "
                f"{self.known_hosts.own} or with ssh-keygen -R, then connect again",
            ) from exc
        if not await self.asker.accept_host_key(target.place, fingerprint(shown)):
            raise HostKeyUnknown(
                f"{target.place} is not known yet; it shows {describe(shown)}",
                fingerprint=fingerprint(shown),
                hint=f"compare it with the host's own, then accept it: --accept-host-key {fingerprint(shown)}",
            ) from exc
        self.known_hosts.add(target.record_name, target.port, shown)


_JUMP_HINT = "if this host is reached through another (ProxyJump), log in to that one once with ssh"


def _address(host: Host) -> dict[str, object]:
    """The keyword arguments that say which host, whose account, and which ssh config."""
    config = Path("~/.ssh/config").expanduser()
    place: dict[str, object] = {
        "host": host.alias or host.address,
        "config": [str(config)] if config.is_file() else None,
    }
    if host.port:
        place["port"] = host.port
    if host.user:
        place["username"] = host.user
    return place


@contextlib.contextmanager
def _config_errors(host: Host) -> Iterator[None]:
    try:
        yield
    except (asyncssh.ConfigParseError, asyncssh.KeyImportError, ValueError, OSError) as exc:
        raise ConfigError(f"{host.name}: {clean(str(exc))}", file="~/.ssh/config") from exc
