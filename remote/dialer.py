"""One dial of one host: the way to it, names, keys, host key, login; every foreign error becomes one of remote.errors.

Each host on the way (ProxyJump) is dialled as the host itself is: by its own entry of ~/.ssh/config, with its key on
record, and with the same person to ask. Host keys are always checked, whatever `StrictHostKeyChecking` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncssh

from remote.asker import Asker
from remote.clean import clean
from remote.dial_errors import of_program, translated
from remote.errors import HostKeyChanged, HostKeyUnknown, RemoteError, Unreachable
from remote.hostkeys import KnownHosts, Record, describe, fingerprint
from remote.jumps import HopFailed, Lease, shared_jumps, told_for
from remote.login import Login, Patience
from remote.private_keys import Keyring
from remote.profiles import Host
from remote.proxy_command import ProxyProgram
from remote.resolve import address_of, route_to
from remote.ssh_options import CIPHERS, KEEPALIVE_COUNT, KEEPALIVE_INTERVAL_S, LOGIN_TIMEOUT_S
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
    timeout_s: float | None = None
    """How long each host on the way may take to answer; None: as ~/.ssh/config says, else 15 s."""

    async def dial(self, on_lost: Callable[[str], None]) -> asyncssh.SSHClientConnection:
        """A logged-in connection. Raises `Unreachable`, `NeedsYou` or `UsageError`."""
        route = await route_to(self.host)
        try:
            return await self._along(route, on_lost)
        except HopFailed as failed:
            raise told_for(failed, self.host.name, len(route) - 1) from failed.error

    async def _along(self, route: Sequence[Target], on_lost: Callable[[str], None]) -> asyncssh.SSHClientConnection:
        """A connection to the last of `route`, through all before it."""
        *hops, target = route
        lease = await self._through(hops) if hops else None
        try:
            ssh = await self._log_in(target, on_lost, lease, hops[-1].place if hops else "")
            if lease is not None:
                ssh.set_tunnel(lease)
        except BaseException:
            if lease is not None:
                lease.close()
            raise
        if lease is not None and ssh.is_closed():
            lease.close()
        return ssh

    async def _through(self, hops: Sequence[Target]) -> Lease:
        way = " -> ".join([hops[0].proxy_command, *(f"{hop.host.name} {hop.place}" for hop in hops)])
        try:
            return await shared_jumps().lease(way, lambda: self._along(hops, lambda reason: None))
        except RemoteError as exc:
            raise HopFailed(len(hops), exc) from exc

    async def _log_in(
        self, target: Target, on_lost: Callable[[str], None], lease: Lease | None, via: str
    ) -> asyncssh.SSHClientConnection:
        key_types: object = ()
        for _ in range(_DIALS):
            record = self.known_hosts.record(target.record_name, target.port)
            patience = Patience(self.timeout_s or target.timeout_s)
            login = Login(target.place, self.asker, self.keyring, target.identities, patience, on_lost)
            program = ProxyProgram(target.proxy_command) if target.proxy_command and lease is None else None
            try:
                async with patience:
                    ssh = await self._connect(target, record, login, key_types, lease or program)
                if program is not None:
                    ssh.set_tunnel(program)
                return ssh
            except asyncssh.KeyExchangeFailed as exc:
                # asyncssh offers only the types of the keys on record; another type must be seen to be named.
                if key_types or not record.keys:
                    raise Unreachable(f"{target.place}: {clean(str(exc))}", hint=_KEY_EXCHANGE_HINT) from exc
                key_types = "default"
            except asyncssh.HostKeyNotVerifiable as exc:
                await self._decide(target, record, login, exc)
            except Exception as exc:
                if lease is not None and lease.lost:
                    lost = f"{target.place}: the connection to {via} was lost meanwhile"
                    raise Unreachable(lost, code="jump_down") from exc
                error = translated(exc, target, login, via)
                raise (of_program(error, target, await program.said()) if program else error) from exc
            finally:
                await login.close()
        raise Unreachable(f"{target.place} shows a different host key on every connection")

    async def _connect(
        self, target: Target, record: Record, login: Login, key_algorithms: object,
        tunnel: Lease | ProxyProgram | None,
    ) -> asyncssh.SSHClientConnection:  # fmt: skip
        with target.config.handed_on() as files:
            return await asyncssh.connect(
                **address_of(target.host),
                config=files,
                tunnel=tunnel,
                proxy_command=None,
                client_factory=lambda: login,
                client_keys=None,
                known_hosts=lambda host, addr, port: (record.keys, record.authorities, record.revoked),
                server_host_key_algs=key_algorithms,
                encryption_algs=CIPHERS,
                keepalive_interval=KEEPALIVE_INTERVAL_S,
                keepalive_count_max=KEEPALIVE_COUNT,
                connect_timeout=None,
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
            raise HostKeyUnknown(f"{target.place}: {text}", fingerprint="") from exc
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
