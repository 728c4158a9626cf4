"""One machine of a run on several: torchrun behind a process of ours that hears the supervisor.

The supervisor sees the processes of its own machine alone, so on every other one somebody else must find those that
listen for USR1, and see to it that nothing is left when torchrun is killed.
"""

from __future__ import annotations

import signal
import threading
from typing import List

from remote.onhost import processes
from remote.onhost.bound import Bound
from remote.onhost.nodes import heard
from remote.onhost.outcome import Outcome
from remote.onhost.spawn import decode_claim


def node(argv: List[str]) -> int:
    """`node CLAIM COMMAND...`: run torchrun on this machine."""
    claim, _ = decode_claim(argv[0])
    bound = Bound()

    def listen(child: int) -> None:
        threading.Thread(target=_listen, args=(bound, child, claim.nonce), daemon=True).start()

    return Outcome.of(bound.run(argv[1:], listen)).code or 0


def _listen(bound: Bound, child: int, nonce: str) -> None:
    """Do what the supervisor says; end when it has gone."""
    with open(0, "rb", buffering=0, closefd=False) as words:  # a buffer's lock would outlive the main thread
        for line in words:
            number = heard(line)
            if number == signal.SIGUSR1:
                for pid, ticks in processes.listeners(nonce, child, number).items():
                    processes.send(pid, ticks, number)
            elif number is not None:
                bound.end(number)
    bound.end()
