"""`hosts`: which machines answer, with which Python and tools, how much disk is free, and what is wrong."""

from __future__ import annotations

from typing import Any

from remote.errors import RemoteError
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import size


async def main(session: Session) -> Answer:
    """Connect to every host of the profile."""
    hosts = session.profile.hosts
    failed = await session.reach(hosts)
    data = [await _data(session, name, failed.get(name)) for name in hosts]
    return Answer({"hosts": data}, "\n".join(map(_line, data)), together(failed, len(hosts)))


async def _data(session: Session, name: str, error: RemoteError | None) -> dict[str, Any]:
    host = session.profile.hosts[name]
    workers = [worker.name for worker in session.profile.workers.values() if worker.host == name]
    known = {"host": name, "kind": host.kind, "address": host.alias or host.address, "workers": workers}
    if error is not None:
        return {**known, "state": error.code, "reason": error.message, "hint": error.hint}
    probe = await session.fleet.far(name).ready()
    tools = {"python": probe.python, "git": probe.git, "rsync": probe.rsync}
    return {
        **known,
        "state": "live",
        "reason": "",
        "hint": "",
        **tools,
        "root": probe.root,
        "platform": probe.platform,
        "cpus": probe.cpus,
        "free_bytes": probe.free_bytes,
        "free_inodes": probe.free_inodes,
        "flock": probe.flock,
    }


def _line(data: dict[str, Any]) -> str:
    from remote.clean import clean

    head = f"{data['host']}  {data['state']}"
    if data["state"] != "live":
        hint = f"\n  -> {data['hint']}" if data["hint"] else ""
        return f"{head}  {data['reason']}{hint}"
    missing = [name for name in ("git", "rsync") if not data[name]]
    parts = [
        f"python {data['python']}",
        f"{size(data['free_bytes'])} free in {clean(data['root'])}",
        f"{data['cpus']} CPUs",
        *(f"no {name}" for name in missing),
        *([] if data["flock"] else ["file locks do not work there"]),
        f"{len(data['workers'])} workers",
    ]
    return f"{head}  " + ", ".join(parts)
