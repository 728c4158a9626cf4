"""The conditions of `Host` and `Match` lines (ssh_config(5)), judged for one host."""

from __future__ import annotations

import getpass
import os
import re
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remote import ssh_laptop
from remote.errors import UsageError
from remote.ssh_config_file import ConfigLine

EXEC_TIMEOUT_S = 10.0
_TOKEN = re.compile(r"%(.)")


class Unknown(Exception):
    """A condition that cannot be judged decides whether a block counts; the text names it."""


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as exc:
        raise UsageError(f"user {os.getuid()} has no name here", hint="set USER, as in USER=ada trajvid-tui") from exc


@dataclass
class Facts:
    """What is known of the host so far: conditions may ask for what the lines above them said."""

    original: str
    """As the person names it."""
    user: str = ""
    port: int | str = 0
    hostname: str = ""
    tag: str = ""
    final: bool = False
    asked_for_final: bool = False
    local_user: str = field(default_factory=_local_user)

    @property
    def host(self) -> str:
        """What the name stands for, as far as is known; on the last pass in small letters."""
        host = self.hostname or self.original
        return host.lower() if self.final else host

    @property
    def name(self) -> str:
        """What `Host` patterns are held against: the name itself, on the last pass what it stands for."""
        return self.host if self.final else self.original

    def learn(self, line: ConfigLine) -> None:
        """Take note of a line that counts; what the profile says stays."""
        if line.keyword == "hostname":
            self.hostname = _replaced(line.words[0], {"%": "%", "h": self.original})
        elif line.keyword in ("user", "port", "tag"):
            setattr(self, line.keyword, getattr(self, line.keyword) or line.words[0])

    def expanded(self, command: str) -> str:
        """A command with its tokens; one that is not known stays as it is."""
        host = socket.gethostname()
        tokens = {
            "%": "%", "d": str(Path.home()), "h": self.host, "i": str(os.getuid()),
            "L": host.partition(".")[0], "l": host, "n": self.original, "p": str(self.port or 22),
            "r": self.user or self.local_user, "u": self.local_user,
        }  # fmt: skip
        return _replaced(command, tokens)


def _replaced(text: str, tokens: Mapping[str, str]) -> str:
    return _TOKEN.sub(lambda found: tokens.get(found[1], found[0]), text)


def pattern(text: str) -> re.Pattern[str]:
    """`*` and `?` as ssh takes them."""
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text), re.DOTALL)


def one_of(patterns: Sequence[str], name: str) -> bool:
    """Whether a pattern matches and none that begins with `!` does."""
    hit = [one for one in patterns if pattern(one.removeprefix("!")).fullmatch(name)]
    return bool(hit) and not any(one.startswith("!") for one in hit)


def matches(words: Sequence[str], facts: Facts) -> bool:
    """Judge a `Match` line: all of its conditions hold. Raises `Unknown` if it hangs on one that is not judged."""
    left, unknown, result = list(words), "", True
    if not words:
        raise Unknown("without a condition")
    while left:
        word, equals, value = left.pop(0).partition("=")
        negated, kind = word.startswith("!"), word.lstrip("!").lower()
        if kind in ("all", "canonical", "final"):
            argument = ""
        elif equals:
            argument = value
        elif left:
            argument = left.pop(0)
        else:
            raise Unknown(f"`{word}` without a value")
        if kind == "final":
            facts.asked_for_final = True
        if not result:
            continue  # the rest cannot change it, and a program is not run for nothing
        try:
            result = _judged(kind, argument, facts) != negated
        except Unknown as exc:
            unknown = unknown or str(exc)
    if result and unknown:
        raise Unknown(unknown)
    return result


def _judged(kind: str, argument: str, facts: Facts) -> bool:
    if kind in ("all", "canonical", "final"):
        return kind == "all" or facts.final
    if kind not in _JUDGES:
        raise Unknown(f"`{kind}`")
    return _JUDGES[kind](argument, facts)


def _is_tagged(tag: str, facts: Facts) -> bool:
    return _fits(tag, facts.tag) if facts.tag else not tag


def _is_command(pattern: str, _facts: Facts) -> bool:
    """Our commands are many, none of them is empty, and one connection serves them all."""
    if pattern in ("", "*"):
        return bool(pattern)
    raise Unknown("`command`")


def _is_version(pattern: str, _facts: Facts) -> bool:
    version = ssh_laptop.ssh_version()
    if not version:
        raise Unknown("`version`, on a laptop without ssh,")
    return _fits(pattern, version)


def _is_near(networks: str, _facts: Facts) -> bool:
    try:
        near = ssh_laptop.in_networks(networks)
    except ValueError as exc:
        raise Unknown(f"`localnetwork` ({exc})") from exc
    if near is None:
        raise Unknown("`localnetwork`, on a laptop without `ip` and `ifconfig`,")
    return near


def _fits(patterns: str, text: str) -> bool:
    return one_of(patterns.split(","), text)


def _succeeds(command: str) -> bool:
    """Run what the person's own configuration says, by the person's shell, as ssh does, but not for ever."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        done = subprocess.run(
            [shell, "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=EXEC_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise Unknown(f"`exec`, which took over {EXEC_TIMEOUT_S:g} s,") from exc
    except (OSError, ValueError) as exc:
        raise Unknown(f"`exec` ({exc})") from exc
    return done.returncode == 0


_JUDGES: dict[str, Callable[[str, Facts], bool]] = {
    "host": lambda names, facts: _fits(names.lower(), facts.host.lower()),
    "originalhost": lambda names, facts: _fits(names.lower(), facts.original.lower()),
    "user": lambda names, facts: _fits(names, facts.user or facts.local_user),
    "localuser": lambda names, facts: _fits(names, facts.local_user),
    "localnetwork": _is_near,
    "tagged": _is_tagged,
    "command": _is_command,
    "sessiontype": lambda types, _facts: _fits(types, "exec"),
    "version": _is_version,
    "exec": lambda command, facts: _succeeds(facts.expanded(command)),
}
