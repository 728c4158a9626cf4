"""Attempts as jobs of a Slurm cluster: what must hold before, and the submission, which happens once or not at all.

The job's script replaces itself by the same supervisor that runs on a host. What makes it happen once is the job
record, not Slurm: the supervisor of a job that the record does not name leaves again (`remote.onhost.joining`), so a
submission whose answer was lost may be repeated.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from typing import List

from remote.onhost import cluster, preflight, processes, slurm, submission
from remote.onhost.lock import name_holder
from remote.onhost.nodes import BLIND_STATUS
from remote.onhost.ranks import Ranks
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim, encode_claim
from wire.records import JobRecord, RunSpec
from wire.run_dir import Root, replace_file

SUBMIT_S = 30.0
"""How long one `sbatch` may take; a busy controller needs its time."""
GIVE_UP_S = 45.0
"""A cluster that says nothing for so long has refused the launch."""
LOOK_S = 1.0


def probe(root: Root, spec: RunSpec) -> None:
    """Raise `Refusal` with what is missing for this run here or in the cluster. The caller holds the worker's lock."""
    preflight.demand_here(root, spec)
    if shutil.which("sbatch") is None:
        mend = "is this the login node? without a cluster, take `launcher: slurm` away"
        raise Refusal("no_slurm", "this host has no sbatch", mend)
    known = partitions()
    wanted = [name for name in str(spec.launcher.get("partition") or "").split(",") if name]
    there = [partition for partition in known if not wanted or partition.name in wanted]
    missing = sorted(set(wanted) - {partition.name for partition in known})
    if missing:
        told = f"no partition {', '.join(missing)} in this cluster"
        raise Refusal("bad_partition", told, slurm.advice("partition", known))
    nodes, most = (Ranks.of(spec) or Ranks()).nodes, max((partition.nodes for partition in there), default=0)
    if nodes > most:
        where = f"partition {', '.join(wanted)}" if wanted else "the largest partition"
        raise Refusal("too_many_nodes", f"the run asks for {nodes} nodes, {where} has {most}", "lower `nodes:`")


def partitions() -> List[slurm.Partition]:
    """Return the cluster's partitions. Raises `Refusal` `cluster_silent`."""
    said = cluster.call(slurm.PARTITIONS)
    if said.why:
        raise silent(said.why)
    return slurm.partitions(said.out)


def silent(why: str) -> Refusal:
    """Return the refusal of a verb that needs a word of Slurm's."""
    mend = "try again later; `sinfo` on the host shows whether it is back"
    return Refusal("cluster_silent", f"Slurm says nothing: {why}", mend)


def submit(claim: Claim, spec: RunSpec, lock: int, patience_s: float = GIVE_UP_S) -> str:
    """Submit the attempt of `claim`, whose folder is prepared, and record its job; return the job's number.

    `lock` is the worker's, held. Raises `Refusal` if Slurm refuses, or says nothing for `patience_s`; there is no job
    then, or one that finds its folder gone and leaves.
    """
    attempt = claim.run_dir.attempt(claim.number)
    argv = submission.submission(spec, claim.attempt, claim.nonce, attempt.log, attempt.script)
    replace_file(attempt.script, script(claim, argv).encode("utf-8", "surrogateescape"), 0o700)
    job = _submit_once(argv, claim, patience_s)
    now_s = time.time()
    record = JobRecord(claim.attempt, claim.nonce, 0, 0, "", now_s, job, extra={"submitted_s": now_s})
    replace_file(attempt.job, record.to_line())
    name_holder(lock, claim.run, claim.attempt, claim.nonce)
    return job


def _submit_once(argv: List[str], claim: Claim, patience_s: float) -> str:
    """Look for the job, then submit it, again and again: any answer may have been lost on its way."""
    until = time.monotonic() + patience_s
    why = ""
    while True:
        looked = cluster.call(slurm.search(claim.attempt))
        job = "" if looked.why else slurm.found(looked.out, claim.nonce)
        if job:
            return job
        if why and not looked.why and not slurm.is_silent(why):
            raise Refusal("not_submitted", f"sbatch: {why}", slurm.advice(why, partitions()))
        if time.monotonic() > until:
            raise silent(looked.why or why)
        if not looked.why:
            said = cluster.call(argv, min(SUBMIT_S, patience_s))
            job, why = slurm.submitted(said.out), said.why or "it named no job"
            if job and not said.why:
                return job
        else:
            time.sleep(LOOK_S)


def script(claim: Claim, argv: List[str]) -> str:
    """Return the job's script, with the call `argv` that submits it as a comment.

    A node that does not see what it needs says so where Slurm writes the log.
    """
    from remote.onhost.__main__ import bundle_path, verb_argv

    attempt = claim.run_dir.attempt(claim.number)
    needed = " ".join(map(shlex.quote, (bundle_path(), attempt.script, sys.executable)))
    return f"""#!/bin/sh
# {_one_line(shlex.join(argv))}
for path in {needed}; do
  [ -e "$path" ] && continue
  echo "node $(hostname) does not see $path: it must lie on shared storage" >&2
  exit {BLIND_STATUS}
done
{processes.MARKER}={claim.nonce}
export {processes.MARKER}
exec {shlex.join(verb_argv("supervise", encode_claim(claim)))}
"""


def _one_line(text: str) -> str:
    """Text that stays in its comment, whatever a path may hold."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
