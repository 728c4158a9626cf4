"""Work on several machines of one Slurm job: an agent on each, started by srun, and where they meet.

Signals go to the agents as words on srun's standard input, which Slurm hands to all of them, and its end says that the
supervisor is gone. A signal to srun itself would not do: TERM kills everything at once, and USR1 reaches every process
of every machine, those that it ends too (seen with Slurm 22.05).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import IO, List, Optional, Set, Tuple

from remote.onhost import processes
from remote.onhost.spawn import Claim, encode_claim

BLIND_STATUS = 96
"""Exit status of a machine that does not see the run's folder."""
_COME_UP = f"""name=${{SLURMD_NODENAME:-$(hostname)}}
[ -d "$0" ] && : > "$0/$TRAJVID_RESTARTS-$name.node" && exec "$@"
echo "node $name does not see $0: it must lie on shared storage" >&2
sleep 2
exit {BLIND_STATUS}"""
"""Shell text before all that lies on that storage, this code too. The others get time to say that they are up."""


def across(claim: Claim, nodes: int) -> Tuple[List[str], List[str]]:
    """Return the words that start what follows them once on each machine, and torchrun's own for their meeting there.

    They meet on this machine, the first of the job. An agent that ends badly ends the others: Slurm would let them
    wait for it. A meeting's name is of this start alone, so that one left over of an earlier start joins no other.
    """
    from remote.onhost.__main__ import verb_argv

    port = _free_port()
    srun = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--export=ALL",
            "--kill-on-bad-exit=1", "--mpi=none"]  # fmt: skip
    if os.environ.get("SLURM_CPUS_PER_TASK"):  # which srun has not taken from sbatch since Slurm 22.05
        srun.append("--cpus-per-task=" + os.environ["SLURM_CPUS_PER_TASK"])
    meeting = [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-id={claim.attempt}-{port}",
               f"--rdzv-endpoint={socket.gethostname()}:{port}"]  # fmt: skip
    ranks = claim.run_dir.attempt(claim.number).ranks
    return [*srun, "sh", "-c", _COME_UP, ranks, *verb_argv("node", encode_claim(claim))], meeting


def tell(agents: IO[bytes], number: int) -> None:
    """Pass a signal on to what the agents run, by way of srun's standard input."""
    with contextlib.suppress(OSError):
        agents.write(signal.Signals(number).name.encode() + b"\n")
        agents.flush()


def heard(line: bytes) -> Optional[signal.Signals]:
    """Return the signal that a line of `tell` names."""
    return signal.Signals.__members__.get(line.strip().decode("ascii", "replace"))


def srun_pids(srun: int, nonce: str) -> Set[int]:
    """Return the processes of srun itself: it has a child of its own. They end when the agents have."""
    children = {pid for pid in processes.family(nonce) if (one := processes.process(pid)) and one.parent == srun}
    return children | {srun}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
