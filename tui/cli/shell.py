"""`shell`: an interactive shell on a worker's host, in its worktree."""

from __future__ import annotations

from remote.errors import RemoteError, UsageError
from remote.shell import Terminal, open_shell
from tui.cli.envelope import Answer
from tui.cli.session import Session


async def main(session: Session) -> Answer:
    """Give the terminal to the shell until it ends; its exit code is ours."""
    arguments = session.arguments
    if arguments.json:
        raise UsageError("a shell has no answer in JSON", hint="leave out --json")
    session.changes()
    terminal = Terminal.ours()
    try:
        [worker] = await session.know([arguments.worker])
        shell = await open_shell(session.fleet, session.host_of(worker), worker, size=terminal.size)
        session.say(f"{shell.host}, {shell.folder}: exit or ctrl-d leaves")
        code = await shell.attach(terminal)
    finally:
        terminal.close()
    return Answer(error=_ended(code) if code else None)


def _ended(code: int) -> RemoteError:
    error = RemoteError(f"the shell ended with status {code}", code="shell")
    error.exit_code = code
    return error
