"""What doctor says of the cluster behind a login node: does it answer, has it what the workers ask for, sees it us."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from remote.checks import Check, fail, fine, skip, warn
from remote.clean import clean

if TYPE_CHECKING:
    from remote.profiles import Worker

PARTITIONS_SHOWN = 12


def cluster(found: object, workers: Sequence[Worker], root: str) -> list[Check]:
    """The checks of `remote.onhost.cluster_doctor.look`'s answer; none for a host that runs processes (None)."""
    if not isinstance(found, dict):
        return []
    trouble = clean(str(found.get("trouble", "")), 300)
    if not found.get("version"):
        mend = "is it the login node? without a cluster, take `launcher: slurm` away"
        return [fail("slurm", f"no sbatch that works here: {trouble}", mend)]
    version = f"Slurm {clean(str(found['version']), 20)}"
    if trouble:
        mend = "wait, or ask its administrators; runs that are going on are not touched"
        return [fail("slurm", f"{version}: the controller does not answer: {trouble}", mend)]
    known = {str(one["name"]): one for one in found["partitions"]}
    return [
        fine("slurm", f"{version}, {_partitions(known.values())}"),
        *_wanted_partitions(known, workers),
        *_wanted_accounts(found.get("accounts"), workers),
        _shared(found, clean(root)),
    ]


def _partitions(known: Iterable[Mapping[str, Any]]) -> str:
    told = []
    for one in known:
        facts = [f"{one['nodes']} nodes", *filter(None, [one["gpus"], "" if one["up"] else "down"])]
        told.append(f"{one['name']} ({', '.join(facts)})")
    more = f" and {len(told) - PARTITIONS_SHOWN} more" if len(told) > PARTITIONS_SHOWN else ""
    return clean("partitions " + ", ".join(told[:PARTITIONS_SHOWN]) + more, 600)


def _wanted_partitions(known: Mapping[str, Mapping[str, Any]], workers: Sequence[Worker]) -> Iterator[Check]:
    """One check for each worker that asks for what is not there."""
    for worker in workers:
        wanted = [name for name in str(worker.launcher.get("partition") or "").split(",") if name]
        there = [known[name] for name in wanted or known if name in known]
        missing = [name for name in wanted if name not in known]
        nodes = int(worker.ranks.get("nodes", 1))
        if missing:
            names = ", ".join(map(clean, known))
            yield fail("partition", f"{worker.name}: there is no partition {', '.join(missing)}", f"choose of {names}")
        elif nodes > max((one["nodes"] for one in there), default=0):
            yield fail("partition", f"{worker.name} asks for {nodes} nodes, no partition has so many", "lower `nodes:`")
        elif ("gpu" in worker.resources or worker.resources.get("gpus")) and not any(one["gpus"] for one in there):
            yield fail("partition", f"{worker.name} asks for GPUs, and its partition has none", "choose another")


def _wanted_accounts(known: object, workers: Sequence[Worker]) -> Iterator[Check]:
    if not isinstance(known, list):
        return
    for worker in workers:
        account = worker.launcher.get("account")
        if account and account not in known:
            mend = f"yours: {clean(', '.join(map(str, known)), 200) or 'none'}"
            yield fail("account", f"{worker.name}: account {account} is not yours", mend)


def _shared(found: Mapping[str, Any], root: str) -> Check:
    name, why = "shared storage", clean(str(found.get("why", "")), 300)
    if found.get("shared") is True and not why:
        return fine(name, f"a node sees {root}, and the Python that runs there")
    if found.get("shared") is True:
        return fail(name, f"a node sees {root}, but {why}", "name a `python:` of the host that the nodes have too")
    if found.get("shared") is False:
        return fail(name, f"a node does not see {root}: {why}", "move `root:` of this host to shared storage")
    if not why:
        return skip(name, "no node was asked")
    return warn(name, f"no node could be asked: {why}", "run doctor again when a node is free")
