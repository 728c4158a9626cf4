"""What ~/.ssh/config, and /etc/ssh/ssh_config after it, say of one host, as ssh(1) would take it; what cannot be
obeyed is named, not fatal.

    config = read("gpu-1")      blocking: `Match exec` runs what the person wrote there
    config.warnings             lines that ssh would obey and that have no effect here, with their place
    with config.handed_on() as files: ...    what is left, as a private file for asyncssh

`Host`, `Match` and `Include` are followed here, because asyncssh gives a host up over any `Match` that it does not
know, in a block of whichever host. A line that cannot be read ends the dial only where it counts for this host.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from remote.clean import clean
from remote.errors import ConfigError
from remote.names import check_host_name, check_user_name
from remote.ssh_canonical import asks_for, full_name
from remote.ssh_config_file import (
    MAX_DEPTH,
    ConfigLine,
    config_paths,
    included,
    others_may_write,
    read_lines,
)
from remote.ssh_keywords import APPENDED, HANDED_ON, OTHERWISE, OURS, STRICT_WHY, UNCHECKED, WITHOUT_EFFECT
from remote.ssh_match import Facts, Unknown, matches, one_of

_HINT = "correct the line; `ssh -G` shows what ssh makes of it"


@dataclass(frozen=True)
class ConfigWarning:
    """A line that counts for this host, or may, and has no effect here."""

    file: str
    line: int
    keyword: str
    why: str

    def __str__(self) -> str:
        return clean(f"{self.file}:{self.line}: {self.keyword} {self.why}")


@dataclass(frozen=True)
class Config:
    """What counts for one host, in its order."""

    lines: tuple[ConfigLine, ...] = ()
    warnings: tuple[ConfigWarning, ...] = ()

    def first(self, *keywords: str) -> ConfigLine | None:
        """The line that counts: the first of any of these keywords."""
        return next((line for line in self.lines if line.keyword in keywords), None)

    @property
    def text(self) -> str:
        """The lines that asyncssh obeys, without conditions and comments, one each."""
        handed = [line for line in self.lines if line.keyword in HANDED_ON]
        return "".join(f"{line.keyword} {shlex.join(line.words)}\n" for line in handed)

    @contextlib.contextmanager
    def handed_on(self) -> Iterator[list[str] | None]:
        """Files for asyncssh's `config`; there as long as the context, for this user alone.

        Linux has a way to a file without a name: nothing is left of a process that is killed during a login.
        """
        if not self.text:
            yield None
            return
        nameless = sys.platform == "linux"
        with (tempfile.TemporaryFile if nameless else tempfile.NamedTemporaryFile)("w", encoding="utf-8") as file:
            file.write(self.text)
            file.flush()
            yield [f"/proc/self/fd/{file.fileno()}" if nameless else file.name]


def read(name: str, user: str = "", port: int = 0, path: Path | None = None) -> Config:
    """Read everything that counts for one host. `user`, `port`: what the profile says, which comes first.

    `path`: a file to read in place of the person's and the system's, as `ssh -F` does.

    Raises `UsageError` for a name that may not reach `Match exec`, a shell, `ConfigError` for a line of this host that
    cannot be read, or a file that others may write, and `Unreachable` for a name that must be known in full and is not.
    """
    check_host_name(name, name)
    if user:
        check_user_name(user, name)
    reading = _Reading(Facts(name, user, port))
    reading.files(path)
    so_far = Config(tuple(reading.lines))
    if asks_for(so_far.first):
        reading.is_called(full_name(reading.facts.hostname or name, so_far.first), so_far)
        reading.facts.asked_for_final = True
    if reading.facts.asked_for_final:
        reading.facts.final = True
        reading.files(path)
    return Config(tuple(reading.lines), tuple(reading.warnings))


@dataclass
class _Reading:
    facts: Facts
    folder: Path = field(default_factory=Path)
    lines: list[ConfigLine] = field(default_factory=list)
    warnings: list[ConfigWarning] = field(default_factory=list)
    _checked: bool = True
    _ignored: list[str] = field(default_factory=list)

    def files(self, path: Path | None) -> None:
        """Follow one file alone, or the person's own and then the system's, which ssh takes as it is."""
        for number, one in enumerate((path,) if path else config_paths()):
            self.folder, self._checked = one.parent, number == 0
            if self._checked or os.access(one, os.R_OK):
                self.file(one)

    def is_called(self, name: str, so_far: Config) -> None:
        """Go on with this name, whatever `HostName` says. It may be the name service's word: it reaches no shell as
        more than a name."""
        check_host_name(name, self.facts.original)
        self.facts.hostname = name
        if asked := so_far.first("canonicalizehostname"):
            words = (name.replace("%", "%%"),)
            self.lines.insert(0, replace(asked, keyword="hostname", name="HostName", words=words))

    def file(self, path: Path, depth: int = 0) -> None:
        """Follow one file, if it is there; where it is included, all around it counts."""
        try:
            lines = read_lines(path, _check_writers if self._checked else None)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise ConfigError(f"cannot be read: {exc.strerror}", file=str(path)) from exc
        counts = True
        for line in lines:
            if line.keyword == "host":
                counts = one_of(line.words, self.facts.name)
            elif line.keyword == "match":
                counts = self._match(line)
            elif counts and line.keyword == "include":
                if depth >= MAX_DEPTH:
                    raise wrong(line, "files include each other without end")
                for one in included(line, self.folder):
                    self.file(one, depth + 1)
            elif counts:
                self._take(line)

    def _match(self, line: ConfigLine) -> bool:
        try:
            return matches(line.words, self.facts)
        except Unknown as exc:
            self._warn(line, f"{exc} cannot be judged here: its block has no effect")
            return False

    def _take(self, line: ConfigLine) -> None:
        keyword = line.keyword
        if keyword == "ignoreunknown":
            self._ignored += [word.lower() for word in line.words]
        elif keyword == "stricthostkeychecking" and line.words and line.words[0].lower() in UNCHECKED:
            self._warn(line, STRICT_WHY)
        elif keyword in OTHERWISE:
            self._warn(line, OTHERWISE[keyword])
        elif keyword not in HANDED_ON and keyword not in OURS:
            if keyword not in WITHOUT_EFFECT and not one_of(self._ignored, keyword):
                self._warn(line, "is no keyword that is known here: it has no effect")
        elif not line.words or (not line.closed and keyword != "proxycommand"):
            raise wrong(line, f"{_spelling(line)} has no value" if line.closed else "a quote is not closed")
        elif not self._is_told(line):
            self.lines.append(line)
            self.facts.learn(line)

    def _is_told(self, line: ConfigLine) -> bool:
        """Whether a line changes nothing any more: on the last pass the name of the host stands."""
        if line.keyword in APPENDED:
            return any((one.keyword, one.words) == (line.keyword, line.words) for one in self.lines)
        named = self.facts.final and line.keyword == "hostname"
        return named or any(one.keyword == line.keyword for one in self.lines)

    def _warn(self, line: ConfigLine, why: str) -> None:
        warning = ConfigWarning(str(line.file), line.number, _spelling(line), why)
        if warning not in self.warnings:
            self.warnings.append(warning)


def _spelling(line: ConfigLine) -> str:
    return clean(line.name, 40)


def wrong(line: ConfigLine, why: str) -> ConfigError:
    """The error of a line that counts and cannot be obeyed as it stands."""
    return ConfigError(why, file=clean(str(line.file)), line=line.number, key=line.keyword, hint=_HINT)


def _check_writers(path: Path, status: os.stat_result) -> None:
    """Refuse a file that others may write, as ssh does: a ProxyCommand in it runs here."""
    if status.st_uid not in (0, os.getuid()):
        raise ConfigError("belongs to another user: it is not read", file=str(path))
    if others_may_write(status):
        raise ConfigError("others may write it: it is not read", file=str(path), hint=f"chmod 600 {path}")
