"""Slurm's words, as pure functions: the argument lists of its tools, and what their text output says.

Text of fixed columns serves every version from 20 to 25; its JSON differs by version. `sacct` often does not exist, so
nothing here needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

SLURM = "slurm"
"""`RunSpec.launcher["kind"]`, and the name of the launcher."""

QUEUE = ("squeue", "--me", "-a", "-h", "-r", "-t", "all", "-o", "%i|%j|%T|%V|%S|%e|%N|%r")
"""All our jobs of a cluster in one call (15 ms), those that ended a moment ago too; times with SLURM_TIME_FORMAT=%s.

Without `-a` those in hidden partitions would be missing, which looks like lost ones.
"""
PARTITIONS = ("sinfo", "-a", "-h", "-o", "%R|%a|%l|%D|%G")

PENDING = frozenset({"PENDING", "REQUEUE_HOLD", "REQUEUED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "REQUEUE_FED"})
"""It waits: nothing of it runs."""
OVER = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
     "PREEMPTED", "RECONFIG_FAIL", "REVOKED", "TIMEOUT"}
)  # fmt: skip
"""It ended. Any word that is in neither set (CONFIGURING, a new one) is that of a job which has a node."""
UNPROVED = "NODE_FAIL"
"""Slurm lost sight of the node: what ran there may run on."""


@dataclass(frozen=True)
class Job:
    """One line of `QUEUE`: a job as Slurm sees it, in its own words."""

    job: str
    name: str
    state: str
    reason: str = ""
    """Why it waits, or how it ended; '' for Slurm's `None`."""
    nodes: str = ""
    start_s: Optional[float] = None
    """When it started, or when Slurm expects it to."""


@dataclass(frozen=True)
class Partition:
    """One line of `PARTITIONS`."""

    name: str
    up: bool
    limit: str
    nodes: int
    gpus: str = ""
    """Its generic resources as Slurm says them, '' for none: `gpu:a100:4`."""


def is_silent(complained: str) -> bool:
    """True if a tool's complaint is that the controller cannot be reached: that is no answer to what was asked."""
    told = complained.lower()
    words = ("unable to contact", "timed out", "did not answer", "connection", "communication")
    return any(word in told for word in words)


def job_name(attempt: str) -> str:
    return f"tv-{attempt}"


def submitted(text: str) -> str:
    """Return the job's number out of what `sbatch --parsable` prints (`123` or `123;cluster`), '' if it says none."""
    number = text.strip().splitlines()[-1].partition(";")[0] if text.strip() else ""
    return number if number.isdigit() else ""


def search(attempt: str) -> List[str]:
    """Return the call that finds the jobs of an attempt, whoever submitted them; see `found`."""
    return ["squeue", "--me", "-a", "-h", "-t", "all", f"--name={job_name(attempt)}", "-o", "%i|%T|%k"]


def found(text: str, nonce: str) -> str:
    """Return the number of the job that was submitted with this nonce and is not over, '' if there is none."""
    for line in text.splitlines():
        job, _, rest = line.strip().partition("|")
        state, _, comment = rest.partition("|")
        if comment == nonce and job.isdigit() and state not in OVER:
            return job
    return ""


def queue(text: str) -> Dict[str, Job]:
    """Return the jobs of `QUEUE`'s output by their numbers; lines of another shape are left out."""
    jobs: Dict[str, Job] = {}
    for line in text.splitlines():
        words = line.strip().split("|", 7)
        if len(words) == 8 and words[0].isdigit():
            reason = "" if words[7] == "None" else words[7]
            jobs[words[0]] = Job(words[0], words[1], words[2], reason, words[6], _time(words[4]))
    return jobs


def _time(word: str) -> Optional[float]:
    return float(word) if word.isdigit() else None


def partitions(text: str) -> List[Partition]:
    """Return the partitions of `PARTITIONS`' output; one has a line for each kind of node, which are added up."""
    known: Dict[str, Partition] = {}
    for line in text.splitlines():
        words = line.strip().split("|", 4)
        if len(words) == 5 and words[3].isdigit():
            before = known.get(words[0])
            nodes = int(words[3]) + (before.nodes if before else 0)
            gpus = "" if words[4] == "(null)" else words[4]
            told = ", ".join(dict.fromkeys(filter(None, [before.gpus if before else "", gpus])))
            known[words[0]] = Partition(words[0], words[1] == "up", words[2], nodes, told)
    return list(known.values())


def cancel(job: str, *, pending: bool = False) -> List[str]:
    """Return the call that ends a job; with `pending`, only if it has not started. It answers 0 whatever happens."""
    return ["scancel", *(["--state=PENDING"] if pending else []), job]


def signal_batch(job: str, name: str) -> List[str]:
    """Return the call that signals the supervisor alone: it is the job's batch script."""
    return ["scancel", "--batch", f"--signal={name}", job]


def complaint(text: str) -> str:
    """Return what a tool said was wrong, in one line: its own words without its name before each of them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line.split(": ", 2)[-1] if ": error: " in line else line for line in lines]
    return "; ".join(dict.fromkeys(told))[:600]


def advice(complained: str, known: List[Partition]) -> str:
    """Return the next step after a complaint of `sbatch`."""
    told = complained.lower()
    if "account" in told or "qos" in told:
        return "correct `slurm: account:` or `qos:`; `sacctmgr show assoc user=$USER` shows what you may use"
    if "partition" in told:
        names = ", ".join(partition.name for partition in known[:20])
        return f"correct `slurm: partition:`{'; there are: ' + names if names else ' (sinfo shows them)'}"
    if "gres" in told or "gpu" in told:
        return "correct `gpus:`; `sinfo -o '%P %G'` shows what the nodes have"
    if "feature" in told:
        return "correct `slurm: constraint:`; `sinfo -o '%P %f'` shows what the nodes have"
    if "time limit" in told:
        return "lower `slurm: time_min:`; `sinfo` shows the limit of each partition"
    if "node" in told or "processor" in told or "cpu" in told or "memory" in told:
        return "lower `nodes:`, `slurm: cpus:` or `memory_mib:`; `sinfo -Nl` shows the nodes"
    return "run `sinfo` and `squeue` there; `trajvid-tui doctor` looks at the cluster too"
