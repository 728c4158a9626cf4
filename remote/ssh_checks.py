"""What doctor says of the way to a host, before it is dialled: ~/.ssh/config, key files, hosts in between.

found = await look_at_way(host, fix=False)
found.checks(error)     as far as the way was gone, by the error of the dial (None: to its end)
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote import ssh_config
from remote.checks import Check, Verdict, fine, warn
from remote.clean import clean
from remote.errors import RemoteError
from remote.profiles import Host
from remote.ssh_config_file import all_lines, config_path, others_may_write

WARNINGS_MAX = 8


@dataclass(frozen=True)
class Way:
    """What was found before the dial."""

    found: tuple[Check, ...] = ()
    hops: tuple[str, ...] = ()
    """Places of the hosts in between."""

    def checks(self, error: RemoteError | None) -> list[Check]:
        """`error.hop` tells which of the hosts in between was not passed."""
        passed = self.hops[: error.hop - 1] if error is not None and error.hop else self.hops
        return [*self.found, *(fine("jump host", f"{place} lets us through") for place in passed)]


async def look_at_way(host: Host, *, fix: bool = False) -> Way:
    """Look, and with `fix` close key files and configuration to others. What ends the dial is the dial's to say."""
    if host.kind != "ssh":
        return Way()
    from remote.resolve import route_to

    own = [Path(host.identity).expanduser()] if host.identity else []
    found = await asyncio.to_thread(lambda: [*_configs(fix=fix), *_keys(own, fix=fix)])
    try:
        route = await route_to(host)
    except RemoteError:
        return Way((*found, *_lines(await asyncio.to_thread(config_warnings, host))))
    keys = [path for target in route for path in target.identities.named if path not in own]
    warnings = [str(warning) for target in route for warning in target.config.warnings]
    found += await asyncio.to_thread(lambda: list(_keys(keys, fix=fix)))
    return Way((*found, *_lines(warnings)), tuple(target.place for target in route[:-1]))


def config_warnings(host: Host) -> list[str]:
    """Lines of ~/.ssh/config that count for a host and have no effect, with their place; blocking.

    What cannot be read at all is the dial's to say, and so is which lines count for an EC2 host: its address does.
    """
    if host.kind != "ssh" or host.ec2 is not None:
        return []
    try:
        config = ssh_config.read(host.alias or host.address, host.user, host.port)
    except RemoteError:
        return []
    return [str(warning) for warning in config.warnings]


def _lines(warnings: Sequence[str]) -> Iterator[Check]:
    once = list(dict.fromkeys(warnings))
    for text in once[:WARNINGS_MAX]:
        yield warn("ssh config", text, "correct it, or leave it to ssh alone")
    if len(once) > WARNINGS_MAX:
        yield warn("ssh config", f"{len(once) - WARNINGS_MAX} more lines", "see `trajvid-tui hosts --json`")


def _configs(*, fix: bool) -> Iterator[Check]:
    """Files of the configuration that ssh, and we, refuse to read."""
    files: set[Path] = set()
    for _ in all_lines(config_path(), files):
        pass
    for path in sorted(path for path in files if path.is_file() and others_may_write(path.stat())):
        yield from _closed("ssh config", path, 0o022, fix=fix)


def _keys(paths: Iterable[Path], *, fix: bool) -> Iterator[Check]:
    """Key files that ssh would not use because others may read them."""
    for path in dict.fromkeys(paths):
        if path.suffix != ".pub":
            yield from _closed("key file", path, 0o077, fix=fix)


def _closed(name: str, path: Path, mask: int, *, fix: bool) -> Iterator[Check]:
    try:
        status = path.stat()
    except OSError:
        return
    mode, shown = stat.S_IMODE(status.st_mode), clean(str(path))
    if not mode & mask or not stat.S_ISREG(status.st_mode):
        return
    if fix and status.st_uid == os.getuid():
        path.chmod(mode & ~mask)
        yield Check(name, Verdict.PASS, shown, fixed=f"closed to others (was {mode:o})")
    else:
        yield warn(name, f"{shown} is open to others (mode {mode:o})", f"--fix, or chmod {mode & ~mask:o} {shown}")
