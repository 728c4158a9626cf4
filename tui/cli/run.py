"""`run -- COMMAND`: supervise any command as a worker of its own; it goes on when this terminal is gone."""

from __future__ import annotations

from pathlib import Path

from remote import runs
from remote.errors import UsageError
from tui.cli.envelope import Answer
from tui.cli.launch import finish
from tui.cli.session import Session


async def main(session: Session) -> Answer:
    """Start the command on the chosen host."""
    arguments = session.arguments
    session.changes()
    if not arguments.command:
        raise UsageError("run what?", hint="trajvid-tui run -- COMMAND and its arguments")
    host = session.fleet.host(arguments.host or _default_host(session))
    cwd = arguments.cwd or (str(Path.cwd()) if host.kind == "embedded" else "")
    launched = await runs.run_command(
        session.fleet, host.name, arguments.command, name=arguments.name, cwd=cwd, on_step=session.say
    )
    return await finish(session, {launched.worker: launched}, {})


def _default_host(session: Session) -> str:
    hosts = session.profile.hosts
    embedded = [host.name for host in hosts.values() if host.kind == "embedded"]
    if len(hosts) == 1 or embedded:
        return embedded[0] if embedded else next(iter(hosts))
    raise UsageError("run on which host?", hint=f"--host with one of {', '.join(hosts)}")
