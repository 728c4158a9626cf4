"""One machine of a run on several: torchrun behind a process of ours that passes signals on.

The supervisor sees the processes of its own machine alone, so on every other one somebody else must find those that
listen for USR1, and see to it that nothing is left when torchrun is killed.
"""

from __future__ import annotations

import signal
import sys
from typing import List

from remote.onhost import parts, processes
from remote.onhost.bound import Bound
from remote.onhost.nodes import BLIND_STATUS
from remote.onhost.outcome import Outcome
from remote.onhost.rank import node_name
from remote.onhost.spawn import Claim, decode_claim


def node(argv: List[str]) -> int:
    """`node CLAIM COMMAND...`: run torchrun on this machine; another one than asked for sees no run folder."""
    claim, _ = decode_claim(argv[0])
    if not _sees(claim):
        print(
            f"node {node_name()} does not see {claim.run_dir.path}: `root:` must be on a shared disk", file=sys.stderr
        )
        return BLIND_STATUS
    bound = Bound(lambda child: _checkpoint(claim.nonce, child))
    return Outcome.of(bound.run(argv[1:], lambda pid: None)).code or 0


def _sees(claim: Claim) -> bool:
    job = parts.job_of(claim.run_dir, claim.number)
    return job is not None and job.nonce == claim.nonce


def _checkpoint(nonce: str, child: int) -> None:
    for pid, ticks in processes.listeners(nonce, child, signal.SIGUSR1).items():
        processes.send(pid, ticks, signal.SIGUSR1)
