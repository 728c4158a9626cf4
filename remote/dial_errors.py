"""Foreign errors of a dial, as errors that a person can act on."""

from __future__ import annotations

import errno
import os
import socket

import asyncssh

from remote.clean import clean
from remote.errors import AuthenticationFailed, RemoteError, Unreachable, UsageError
from remote.identities import AGENT
from remote.login import Login
from remote.target import Target

_OFFLINE = "is this laptop online, and a VPN up that it may need?"
_TOO_MANY = "Too many authentication failures"


def translated(exc: Exception, target: Target, login: Login, via: str = "") -> RemoteError:
    """`via`: the place of the host in between, '' where there is none."""
    if isinstance(exc, RemoteError):
        return exc
    place = target.place
    if isinstance(exc, asyncssh.PermissionDenied) or _TOO_MANY in str(exc):
        return _refused(target, login, too_many=_TOO_MANY in str(exc))
    if isinstance(exc, asyncssh.ChannelOpenError):
        return _not_let_through(exc, target, via)
    if isinstance(exc, socket.gaierror):
        return Unreachable(
            f"{target.host.name}: no machine is named {clean(target.address)!r} ({clean(exc.strerror or str(exc))})",
            hint=f"check the address; {_OFFLINE}",
        )
    if isinstance(exc, ConnectionRefusedError):
        return Unreachable(f"{place} refused the connection", hint="is the machine up, sshd running, the port right?")
    if isinstance(exc, TimeoutError):
        return Unreachable(f"{place} did not answer in time", hint="is the machine up, and its port 22 open to you?")
    if isinstance(exc, (asyncssh.ConnectionLost, ConnectionError)) and not login.greeted:
        return Unreachable(
            f"{place} closed the connection before a word",
            hint="its sshd may be busy with other logins (MaxStartups) or refuse this address; it is tried again",
        )
    if isinstance(exc, asyncssh.ConnectionLost):
        return Unreachable(f"{place} closed the connection during the login: {clean(str(exc))}")
    if isinstance(exc, asyncssh.Error):
        return Unreachable(f"{place}: {clean(exc.reason)}")
    if isinstance(exc, OSError):
        bound = target.config.first("bindaddress") if exc.errno == errno.EADDRNOTAVAIL else None
        return Unreachable(
            f"{place}: {clean(exc.strerror or str(exc)) if exc.errno is None else os.strerror(exc.errno)}",
            hint=f"BindAddress ({clean(bound.place)}) must be one of this laptop's" if bound else _OFFLINE,
        )
    return UsageError(f"{place}: {clean(str(exc))}")


def of_program(error: RemoteError, target: Target, said: str) -> RemoteError:
    """The error of a dial through a ProxyCommand: what the program said tells most."""
    line = target.config.first("proxycommand")
    if not isinstance(error, Unreachable) or line is None:
        return error
    why = said or error.message.removeprefix(f"{target.place} ").removeprefix(f"{target.place}: ")
    hint = f"try it by hand: {clean(target.proxy_command, 200)} ({clean(line.place)})"
    return Unreachable(f"{target.place}: its ProxyCommand: {why}", hint=hint, code="proxy_command")


def _not_let_through(exc: asyncssh.ChannelOpenError, target: Target, via: str) -> Unreachable:
    if exc.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        hint = f"the sshd of {via} must allow it (AllowTcpForwarding, PermitOpen)"
    else:
        hint = f"is the machine up, and its address right as {via} sees it?"
    return Unreachable(f"{target.place} cannot be reached from {via}: {clean(exc.reason)}", hint=hint)


def _refused(target: Target, login: Login, *, too_many: bool) -> AuthenticationFailed:
    keys = list(dict.fromkeys(login.offered))
    of_agent = login.offered.count(AGENT)
    shown = [f"{of_agent} {'key' if of_agent == 1 else 'keys'} of the agent" if key == AGENT else key for key in keys]
    told = ", ".join(shown) or "no key that could be shown"
    methods = ", ".join(f"{method} ({told})" if method == "publickey" else method for method in login.tried)
    skipped = "".join(f"; {clean(why)}" for why in target.identities.skipped)
    if too_many:
        return AuthenticationFailed(
            f"{target.place} allows no more tries after {len(login.offered)} keys ({', '.join(shown)}){skipped}",
            hint="name the one key: `identity:` of this host in the profile, or IdentityFile with `IdentitiesOnly yes` "
            "in ~/.ssh/config",
        )
    return AuthenticationFailed(
        f"{target.place} refused the login; tried: {methods or 'nothing that the host accepts'}{skipped}",
        hint="check user and key: the public key must be in the host's ~/.ssh/authorized_keys",
    )
