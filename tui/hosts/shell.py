"""A shell on a host while the app sleeps: the terminal is the shell's, and nothing of the app's is drawn."""

from __future__ import annotations

import termios
from typing import TYPE_CHECKING

from remote.errors import RemoteError
from remote.shell import Terminal
from tui.format import safe

if TYPE_CHECKING:
    from tui.app import TrajvidApp

LOST = 255


async def lend_terminal(app: TrajvidApp, host: str, worker: str) -> str:
    """Open it in the worker's worktree ('' = the home folder), give it the terminal, and say how it ended."""
    if app.verbs is None or app._driver is None or not app._driver.can_suspend:
        raise RemoteError("this terminal cannot be lent to a shell", hint="`trajvid-tui shell WORKER` opens one")
    terminal, lost = Terminal.ours(), ""
    try:
        shell = await app.verbs.open_shell(app.fleet, host, worker)
        # With 30 writes of the app waiting for a driver that sleeps, the app would hang for ever.
        with app.batch_update(), app.suspend():
            place = f" in {safe(shell.folder)}" if shell.folder else ""
            print(f"{safe(host)}{place}: exit or ctrl-d comes back to the app", flush=True)
            try:
                code = await shell.attach(terminal)
            except (OSError, termios.error) as exc:
                # Out of `suspend` it would leave the app asleep for good.
                code, lost = LOST, f": {exc}"
    finally:
        terminal.close()
    if code == LOST:
        return f"the shell ended with status 255: it exited so, or the connection was lost{lost}"
    return f"the shell ended with status {code}" if code else ""
