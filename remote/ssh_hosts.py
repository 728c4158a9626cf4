"""The hosts that ~/.ssh/config names, for a person to choose from. What a name means is remote.ssh_config's to say.

Patterns and `Match` blocks name no host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from remote.errors import RemoteError
from remote.names import check_host_name
from remote.ssh_config_file import MAX_FILES, ConfigLine, config_path, included, read_lines


@dataclass(frozen=True)
class SshHost:
    """One alias with what stands under it, '' for what does not; `place` is file:line."""

    alias: str
    address: str = ""
    user: str = ""
    place: str = ""


def ssh_hosts(config: Path | None = None) -> list[SshHost]:
    """Every alias that is no pattern, in the order of the file; [] without a file. Never raises."""
    path = config or config_path()
    found: dict[str, SshHost] = {}
    current: list[str] = []
    for line in _lines(path, path.parent, set()):
        if line.keyword == "host":
            current = [name for name in line.words if _is_name(name)]
            for name in current:
                found.setdefault(name, SshHost(name, place=line.place))
        elif line.keyword == "match":
            current = []
        elif line.keyword in ("hostname", "user") and line.words:
            field = "address" if line.keyword == "hostname" else "user"
            for name in current:
                if not getattr(found[name], field):  # the first value counts, as in ssh
                    found[name] = replace(found[name], **{field: line.words[0]})
    return list(found.values())


def _lines(path: Path, folder: Path, seen: set[Path]) -> Iterator[ConfigLine]:
    """All lines, included files in their place, each once."""
    if path in seen or len(seen) >= MAX_FILES:
        return
    seen.add(path)
    try:
        lines = read_lines(path)
    except OSError:
        return
    for line in lines:
        if line.keyword == "include":
            for one in included(line, folder):
                yield from _lines(one, folder, seen)
        else:
            yield line


def _is_name(word: str) -> bool:
    if any(sign in word for sign in "*?!"):
        return False
    try:
        check_host_name(word, word)
    except RemoteError:
        return False
    return True
