"""A bad network between the embedded server and its client: bytes that stand still, come slowly, or end the connection.

Only a server that was made with faults has one (tests); between others there is nothing.
"""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import dataclass, field

PIECE_BYTES = 8 * 1024
LOOK_S = 0.01


@dataclass
class Faults:
    """What goes wrong on purpose; may be changed at any time."""

    refuse_opens: int = 0
    """How many of the next sessions are refused, as by a full MaxSessions."""
    max_sessions: int = 0
    """Sessions that one connection may have at a time; 0 = any number."""
    delay_s: float = 0.0
    """Pause before each command starts."""
    refuse_dials: int = 0
    """How many of the next connections are refused."""
    stalled: bool = False
    """Nothing passes in either direction, and nobody is told: a half-open link."""
    bytes_per_s: float = 0.0
    """What passes in each direction; 0 = as much as comes."""
    loss: float = 0.0
    """Chance of each piece of at most 8 KiB to end the connection in place of passing."""
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    async def cross(self, count: int) -> None:
        """Take the time of so many bytes on their way. Raises ConnectionResetError where they end the connection."""
        while self.stalled:
            await asyncio.sleep(LOOK_S)
        if self.bytes_per_s:
            await asyncio.sleep(count / self.bytes_per_s)
        if self.loss and self.dice.random() < self.loss:
            raise ConnectionResetError("lost by fault")


async def relay(near: socket.socket, far: socket.socket, faults: Faults) -> None:
    """Pass what comes both ways, until either end goes or a fault ends both."""
    loop = asyncio.get_running_loop()

    async def pump(source: socket.socket, sink: socket.socket) -> None:
        while data := await loop.sock_recv(source, PIECE_BYTES):
            await faults.cross(len(data))
            await loop.sock_sendall(sink, data)

    with near, far:
        ways = [asyncio.ensure_future(pump(near, far)), asyncio.ensure_future(pump(far, near))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
