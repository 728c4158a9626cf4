"""Work on several machines of one Slurm job: an agent on each, started by srun, and where they meet."""

from __future__ import annotations

import os
import socket
from typing import List, Tuple

from remote.onhost.spawn import Claim, encode_claim

BLIND_STATUS = 96
"""Exit status of a machine that does not see the run's folder."""


def across(claim: Claim, nodes: int) -> Tuple[List[str], List[str]]:
    """Return the words that start what follows them once on each machine, and torchrun's own for their meeting there.

    They meet on this machine, the first of the job. An agent that ends badly ends the others: Slurm would let them
    wait for it. A meeting's name is of this start alone, so that one left over of an earlier start joins no other.
    """
    from remote.onhost.__main__ import verb_argv

    port = _free_port()
    srun = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--export=ALL", "--input=none",
            "--kill-on-bad-exit=1", "--mpi=none"]  # fmt: skip
    if os.environ.get("SLURM_CPUS_PER_TASK"):  # which srun has not taken from sbatch since Slurm 22.05
        srun.append("--cpus-per-task=" + os.environ["SLURM_CPUS_PER_TASK"])
    meeting = [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-id={claim.attempt}-{port}",
               f"--rdzv-endpoint={socket.gethostname()}:{port}"]  # fmt: skip
    return [*srun, *verb_argv("node", encode_claim(claim))], meeting


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
