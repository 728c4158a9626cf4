"""Everything that can go wrong between laptop and host, as one tree.

    RemoteError                 exit 1
    |- UsageError               exit 2   a wrong argument, name or branch
    |  '- ConfigError                    profiles.yaml: file, line, key, nearest key
    |- Unreachable              exit 3   no connection: name, route, refused, time-out; worth a retry
    |- NeedsYou                 exit 4   authentication or host key; never retried by itself
    |  |- AuthenticationFailed
    |  |- HostKeyUnknown                 carries the fingerprint that `--accept-host-key` takes
    |  '- HostKeyChanged                 a refusal, never a question
    |- FarSideError             exit 1   the host answered: no space, no python, orphans, dirty worktree, ...
    |- ToolMissing              exit 1   git or rsync is not on the laptop or the host
    |- RunFailed                exit 5
    |- SomeHostsFailed          exit 6
    |- Declined                 exit 7   the person said no, or did not say yes
    |- HeldAtGate               exit 8
    '- NoEvidence               exit 9   a launch that requires green, or evidence that was refused

Every message says what happened and where; `hint` says what to do next. Text that came from a host is cleaned
before it gets here (remote.clean). Foreign exceptions are translated at the boundary, `raise ... from exc`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RemoteError(Exception):
    """A failure that a person can act on. `str()` is one line; `hint` is the next step, or ''."""

    exit_code = 1
    code = "failure"
    """Stable word for `--json` (`error.code`)."""
    hop = 0
    """Which host on the way (ProxyJump) it is about, from 1; 0 for the host itself."""

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code


class UsageError(RemoteError):
    """The request itself is wrong."""

    exit_code = 2
    code = "usage"


class ConfigError(UsageError):
    """profiles.yaml (or the user's own hosts file) is wrong, with its place."""

    code = "config"

    def __init__(self, message: str, *, file: str = "", line: int = 0, key: str = "", hint: str = "") -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + message, hint=hint)
        self.file, self.line, self.key = file, line, key


class NoProfile(ConfigError):
    """There is no profiles.yaml to work with."""

    code = "no_profile"


class Unreachable(RemoteError):
    """No connection. This says nothing about the runs on the host."""

    exit_code = 3
    code = "unreachable"


class NeedsYou(RemoteError):
    """Only a person can go on from here: passphrase, second factor, host key."""

    exit_code = 4
    code = "needs_you"


class AuthenticationFailed(NeedsYou):
    """The host refused every method that was tried (the message names them)."""

    code = "authentication"


class HostKeyUnknown(NeedsYou):
    """First contact, and nobody has confirmed the key yet."""

    code = "host_key_unknown"

    def __init__(self, message: str, *, fingerprint: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.fingerprint = fingerprint


class HostKeyChanged(NeedsYou):
    """The host shows another key than the one on record. Both fingerprints are in the message."""

    code = "host_key_changed"


class FarSideError(RemoteError):
    """The host answered with a refusal; `code` is its word (running, orphans, no_space, dirty_worktree, ...).

    `data` is what else the answer says: `files` of a dirty worktree, `pids` of orphans, `run` of a running one.
    """

    code = "far_side"

    def __init__(self, message: str, *, hint: str = "", code: str = "", data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.data: Mapping[str, Any] = data or {}


class ToolMissing(RemoteError):
    """A program that is needed is not there; the hint says how to install it."""

    code = "tool_missing"


class RunFailed(RemoteError):
    """The run ended with a failure (with `--wait`)."""

    exit_code = 5
    code = "run_failed"


class SomeHostsFailed(RemoteError):
    """Some hosts did their part and some did not."""

    exit_code = 6
    code = "some_hosts"


class Declined(RemoteError):
    """A confirmation was needed and not given."""

    exit_code = 7
    code = "declined"


class HeldAtGate(RemoteError):
    """The run ended at a gate that it did not pass (with `--wait`)."""

    exit_code = 8
    code = "held"


class NoEvidence(RemoteError):
    """It is not shown that the tests pass: a launch that requires it has not begun; or the evidence says so itself."""

    exit_code = 9
    code = "no_evidence"


def of_host(host: str, message: str) -> str:
    """The message with the host's name in front, unless it begins with it already."""
    return message if message.startswith((f"{host}:", f"{host} ")) else f"{host}: {message}"
