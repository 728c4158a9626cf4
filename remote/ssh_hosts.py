"""The hosts that ~/.ssh/config and /etc/ssh/ssh_config name, for a person to choose from.

What a name means is remote.ssh_config's to say. Patterns and `Match` blocks name no host.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from remote.errors import RemoteError
from remote.names import check_host_name
from remote.ssh_config_file import all_lines, config_paths


@dataclass(frozen=True)
class SshHost:
    """One alias with what stands under it, '' for what does not; `place` is file:line."""

    alias: str
    address: str = ""
    user: str = ""
    place: str = ""


def ssh_hosts(config: Path | None = None) -> list[SshHost]:
    """Every alias that is no pattern, in the order of the files (`config`: of this one alone). Never raises."""
    found: dict[str, SshHost] = {}
    seen: set[Path] = set()
    for path in (config,) if config else config_paths():
        current: dict[Path, list[str]] = {}  # each file goes on where it was, behind one that it includes
        for line in all_lines(path, seen):
            if line.keyword == "host":
                current[line.file] = [name for name in line.words if _is_name(name)]
                for name in current[line.file]:
                    found.setdefault(name, SshHost(name, place=line.place))
            elif line.keyword == "match":
                current[line.file] = []
            elif line.keyword in ("hostname", "user") and line.words:
                field = "address" if line.keyword == "hostname" else "user"
                for name in current.get(line.file, ()):
                    if not getattr(found[name], field):  # the first value counts, as in ssh
                        found[name] = replace(found[name], **{field: line.words[0]})
    return list(found.values())


def _is_name(word: str) -> bool:
    if any(sign in word for sign in "*?!"):
        return False
    try:
        check_host_name(word, word)
    except RemoteError:
        return False
    return True
