"""`init`: write a commented profiles.yaml, or add a machine to the user's own hosts.yaml."""

from __future__ import annotations

import re
from pathlib import Path

from remote.clean import clean
from remote.errors import UsageError
from remote.new_profile import write_profile
from remote.profiles import FILE_NAME
from tui.cli.envelope import Answer
from tui.cli.session import Session


async def main(session: Session) -> Answer:
    """Without an address: profiles.yaml. With one: a host of the user's, and profiles.yaml where there is none."""
    arguments = session.arguments
    session.changes()
    data: dict[str, str] = {}
    lines: list[str] = []
    host = ""
    if arguments.address:
        host, file = _add_host(arguments.address, arguments.identity, arguments.name, arguments.port)
        data |= {"host": host, "hosts_file": str(file)}
        lines.append(f"{host} is in {clean(str(file))}; a worker runs there with `host: {host}`")
    path = Path(arguments.profile or FILE_NAME)
    if not path.exists():
        await write_profile(path, host or "local")
        data["profile"] = str(path)
        lines.append(f"wrote {clean(str(path))}: look through it, then trajvid-tui launch --all")
    elif not host:
        raise UsageError(
            f"{clean(str(path))} is there already", hint="trajvid-tui init user@address adds a host", code="exists"
        )
    return Answer(data, "\n".join(lines))


def _add_host(target: str, identity: str, name: str, port: int) -> tuple[str, Path]:
    from remote.userhosts import add_host, parse_target

    user, address, stated = parse_target(target)
    name = name or re.sub(r"[^a-z0-9-]+", "-", address.lower()).strip("-") or "host"
    return name, add_host(name, address, user, port or stated, identity)
