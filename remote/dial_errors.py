"""Foreign errors of a dial, as errors that a person can act on."""

from __future__ import annotations

import os
import socket

import asyncssh

from remote.clean import clean
from remote.errors import AuthenticationFailed, RemoteError, Unreachable, UsageError
from remote.login import Login
from remote.target import Target


def translated(exc: Exception, target: Target, login: Login) -> RemoteError:
    if isinstance(exc, RemoteError):
        return exc
    place = target.place
    if isinstance(exc, asyncssh.PermissionDenied) or "Too many authentication failures" in str(exc):
        return _refused(target, login)
    if isinstance(exc, socket.gaierror):
        return Unreachable(
            f"{target.host.name}: no machine is named {clean(target.address)!r} ({clean(exc.strerror or str(exc))})",
            hint="check the address, and that this laptop is online",
        )
    if isinstance(exc, ConnectionRefusedError):
        return Unreachable(f"{place} refused the connection", hint="is the machine up, sshd running, the port right?")
    if isinstance(exc, TimeoutError):
        return Unreachable(f"{place} did not answer in time", hint="is the machine up, and its port 22 open to you?")
    if isinstance(exc, asyncssh.ConnectionLost):
        return Unreachable(f"{place} closed the connection during the login: {clean(str(exc))}")
    if isinstance(exc, asyncssh.Error):
        return Unreachable(f"{place}: {clean(exc.reason)}")
    if isinstance(exc, OSError):
        return Unreachable(
            f"{place}: {clean(exc.strerror or str(exc))}" if exc.errno is None else f"{place}: {os.strerror(exc.errno)}"
        )
    return UsageError(f"{place}: {clean(str(exc))}")


def _refused(target: Target, login: Login) -> AuthenticationFailed:
    tried = list(login.tried)
    keys = ", ".join(str(path) for path in target.identities)
    methods = ", ".join(f"{method} ({keys})" if method == "publickey" and keys else method for method in tried)
    return AuthenticationFailed(
        f"{target.place} refused the login; tried: {methods or 'nothing that the host accepts'}",
        hint="check user and key: the public key must be in the host's ~/.ssh/authorized_keys",
    )
