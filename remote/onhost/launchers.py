"""The ways in which an attempt becomes processes: on the host itself, or as a job of the cluster behind it.

    probe     refuse what could only fail
    submit    start the supervisor, exactly once an attempt; it says where it is in the job record
    poll      `parts.prove_life`: one look at the process table and one call of the queue for all runs
    signal, cancel    `ending`: bring an attempt to its end, gently and then not

The supervisor, the run directory and the states are the same.
"""

from __future__ import annotations

from typing import Dict, Protocol

from remote.onhost import jobs, preflight, slurm
from remote.onhost.job_ending import JobEnding
from remote.onhost.process_ending import ProcessEnding
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim, spawn
from wire.records import JobRecord, RunSpec
from wire.run_dir import Root, RunDir

Secrets = Dict[str, str]


class Ending(Protocol):
    """One attempt on its way out."""

    def anything(self) -> bool:
        """True while something of it is there, or may be."""

    def end(self, kill: bool, grace_s: float) -> bool:
        """Ask it to end, and see to it; True if force was needed."""

    def left(self) -> "list[int]":
        """Return the processes that are still there."""

    def trouble(self) -> str:
        """Return why it cannot be known whether it has ended, '' if it can."""


class Launcher(Protocol):
    """One way."""

    def probe(self, root: Root, spec: RunSpec, secrets: Secrets) -> None:
        """Raise `Refusal` with what is missing for this run. The caller holds the worker's lock."""

    def submit(self, claim: Claim, spec: RunSpec, lock: int, secrets: Secrets) -> int:
        """Start the attempt, whose folder is prepared; return its supervisor's pid once its job record is written.

        It is 0 for one that is not here. Raises `Refusal`; nothing runs then.
        """

    def ending(self, run: RunDir, number: int, job: JobRecord) -> Ending:
        """Return what ends this attempt."""


class OnHost:
    """Processes of the host that was asked."""

    def probe(self, root: Root, spec: RunSpec, secrets: Secrets) -> None:
        preflight.demand(root, spec)

    def submit(self, claim: Claim, spec: RunSpec, lock: int, secrets: Secrets) -> int:
        return spawn(claim, lock, secrets)

    def ending(self, run: RunDir, number: int, job: JobRecord) -> Ending:
        return ProcessEnding(run, number, job)


class InCluster:
    """Jobs of the cluster whose login node was asked."""

    def probe(self, root: Root, spec: RunSpec, secrets: Secrets) -> None:
        if secrets:
            raise Refusal(
                "no_secrets",
                f"keys cannot go with a job: Slurm would keep {', '.join(sorted(secrets))} on its disks",
                "take `keys:` away, put them into a file there that only you can read, and load it in `setup:`",
            )
        jobs.probe(root, spec)

    def submit(self, claim: Claim, spec: RunSpec, lock: int, secrets: Secrets) -> int:
        jobs.submit(claim, spec, lock)
        return 0

    def ending(self, run: RunDir, number: int, job: JobRecord) -> Ending:
        return JobEnding(run, number, job)


LAUNCHERS: Dict[str, Launcher] = {"process": OnHost(), slurm.SLURM: InCluster()}


def of_spec(spec: RunSpec) -> Launcher:
    """Return the launcher that a run asks for. Raises `Refusal` for one that this host does not know."""
    kind = spec.launcher.get("kind", "process")
    if kind not in LAUNCHERS:
        raise Refusal("bad_request", f"no such launcher: {kind!r:.80}")
    return LAUNCHERS[kind]


def of_job(job: JobRecord) -> Launcher:
    """Return the launcher that started an attempt."""
    return LAUNCHERS[slurm.SLURM if job.cluster_job else "process"]
