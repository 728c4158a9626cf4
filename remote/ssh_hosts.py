"""The hosts that ~/.ssh/config names, for a person to choose from. What a name means is asyncssh's to say, at the dial.

ssh_config(5): `Host` takes patterns, `Include` globs relative to ~/.ssh. Patterns and `Match` blocks name no host.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from remote.errors import RemoteError
from remote.names import check_host_name

_LINE = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)")
"""`Keyword value` or `Keyword=value`; comments and empty lines are neither."""
MAX_FILES = 100
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class SshHost:
    """One alias with what stands under it, '' for what does not; `place` is file:line."""

    alias: str
    address: str = ""
    user: str = ""
    place: str = ""


def ssh_hosts(config: Path | None = None) -> list[SshHost]:
    """Every alias that is no pattern, in the order of the file; [] without a file. Never raises."""
    path = config or Path("~/.ssh/config").expanduser()
    found: dict[str, SshHost] = {}
    current: list[str] = []
    for key, value, place in _lines(path, path.parent, set()):
        if key == "host":
            current = [name for name in _words(value) if _is_name(name)]
            for name in current:
                found.setdefault(name, SshHost(name, place=place))
        elif key == "match":
            current = []
        elif key in ("hostname", "user"):
            field = "address" if key == "hostname" else "user"
            for name in current:
                if not getattr(found[name], field):  # the first value counts, as in ssh
                    found[name] = replace(found[name], **{field: value.strip('"')})
    return list(found.values())


def _lines(path: Path, folder: Path, seen: set[Path]) -> Iterator[tuple[str, str, str]]:
    """Keyword in small letters, value, file:line; included files in their place, each once."""
    if path in seen or len(seen) >= MAX_FILES:
        return
    seen.add(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    for number, line in enumerate(text.split("\n"), 1):
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found.groups()
        if key.lower() == "include":
            for pattern in _words(value):
                for one in _matches(pattern, folder):
                    yield from _lines(one, folder, seen)
        else:
            yield key.lower(), value.strip(), f"{path}:{number}"


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _matches(pattern: str, folder: Path) -> list[Path]:
    """The files of an Include; a relative pattern is below the folder of the config."""
    path = Path(pattern).expanduser()
    try:
        root, relative = (Path(path.anchor), path.relative_to(path.anchor)) if path.is_absolute() else (folder, path)
        return sorted(root.glob(str(relative)))
    except (ValueError, OSError, NotImplementedError):
        return []


def _is_name(word: str) -> bool:
    if any(sign in word for sign in "*?!"):
        return False
    try:
        check_host_name(word, word)
    except RemoteError:
        return False
    return True
