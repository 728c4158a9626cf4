"""Whether a connection still answers, found out now and not when its keepalive comes round."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from remote.ssh_options import KEEPALIVE_COUNT, KEEPALIVE_INTERVAL_S

if TYPE_CHECKING:
    import asyncssh

_ASKED = 3
"""So often the host is asked; any byte of it is an answer."""
_SLACK_S = 0.25


async def answers(ssh: asyncssh.SSHClientConnection, within_s: float) -> bool:
    """True if the host says anything `within_s` seconds; else False, and the connection is gone."""
    if ssh.is_closed():
        return False
    ssh.set_keepalive(within_s / (_ASKED + 1), _ASKED)
    try:
        async with asyncio.timeout(within_s + _SLACK_S):
            await ssh.wait_closed()
    except TimeoutError:
        pass
    finally:
        alive = not ssh.is_closed()
        if alive:
            ssh.set_keepalive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
    return alive
