"""What must hold before anything of a run exists: a launch that could only fail is refused, with the next step.

What may change by waiting (a GPU that is taken, memory that is in use) is no matter of this: that run queues.
"""

from __future__ import annotations

import os
from typing import Dict, List, Sequence

from remote.onhost import queueing, slots
from remote.onhost.lock import WorkerLock
from remote.onhost.machine import Gpus
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources
from wire.records import RunSpec
from wire.run_dir import Root

FREE_BYTES = 64 * 1024
"""Less free space than this is a full disk: a run could not even say how it ended."""
FREE_INODES = 64
"""A run makes about thirty files before its first epoch is over."""
MIB = 1024 * 1024
TRAINER_MIB = 200
"""Space for a few checkpoints, for a run of the trainer that does not say what it needs (`disk_mib`)."""


def demand(root: Root, spec: RunSpec) -> None:
    """Raise `Refusal` with what is missing for this run on this host. The caller holds the worker's lock."""
    demand_here(root, spec)
    resources = Resources.from_dict(spec.resources)
    if resources.wants_gpu:
        _gpus(root, spec.project, resources)


def demand_here(root: Root, spec: RunSpec) -> None:
    """Raise `Refusal` with what is missing on this host for a run whose work may be done elsewhere."""
    wanted_mib = Resources.from_dict(spec.resources).disk_mib or (TRAINER_MIB if spec.config else 0)
    _space(root.worker(spec.project, spec.worker), wanted_mib * MIB)
    _locks(root, spec)
    _python(spec)


def _space(folder: str, wanted_bytes: int) -> None:
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    mend = "free some space on the host, or move `root:`"
    if free < FREE_BYTES:
        raise Refusal("no_space", f"no space left for {folder}", mend)
    # Some file systems have no fixed number of inodes and say 0 of 0.
    if found.f_files and found.f_favail < FREE_INODES:
        raise Refusal("no_space", f"no inodes left for {folder} ({found.f_favail} are free): too many files", mend)
    if free < wanted_bytes:
        text = f"{free // MIB} MiB are free for {folder}, the run asks for {wanted_bytes // MIB} (`disk_mib`)"
        raise Refusal("no_space", text, mend)


def _locks(root: Root, spec: RunSpec) -> None:
    """We hold the worker's lock: where another descriptor of ours can have it too, it excludes nobody."""
    with WorkerLock(root.worker_lock(spec.project, spec.worker)) as second:
        if second.take():
            text = f"file locks do not exclude each other in {root.path} (a network file system?)"
            raise Refusal("no_locks", text, "move `root:` of this host to a local disk")


def _python(spec: RunSpec) -> None:
    """A Python that is named by its path must be there; another command may find its own way."""
    path = spec.command[0]
    if os.path.isabs(path) and os.path.basename(path).startswith("python") and not os.access(path, os.X_OK):
        why = "is not executable" if os.path.exists(path) else "does not exist"
        mend = "correct `python:` of the worker, or say `env: create`"
        raise Refusal("no_python", f"{path} {why} on this host", mend)


def _gpus(root: Root, project: str, resources: Resources) -> None:
    gpus = Gpus()
    gpus.ask(10.0)
    if not gpus.has_tool:
        # A GPU may be there that nvidia-smi does not know, so one that is named is taken on trust.
        if resources.gpus or resources.gpu_memory_mib:
            what = "which GPU is free" if resources.gpus else "how much memory a GPU has free"
            mend = "name one (`gpu: 0`), or another host"
            raise Refusal("no_gpu", f"this host has no nvidia-smi to tell {what}", mend)
    elif not gpus.last:
        raise Refusal("no_gpu", gpus.trouble or "nvidia-smi hangs", "run nvidia-smi on the host: it says why")
    else:
        _enough(resources, gpus)
    _orphans(root, project, resources, [gpu["index"] for gpu in gpus.last])


def _enough(resources: Resources, gpus: Gpus) -> None:
    there: Dict[int, int] = {gpu["index"]: gpu.get("memory_total_bytes", 2**60) for gpu in gpus.last}
    for gpu in resources.gpu:
        if gpu not in there:
            known = ", ".join(map(str, sorted(there)))
            raise Refusal("no_gpu", f"this host has no GPU {gpu}, it has {known}", "correct `gpu:`, or say `gpu: auto`")
    if resources.gpus > len(there):
        text = f"the run asks for {resources.gpus} GPUs, this host has {len(there)}"
        raise Refusal("no_gpu", text, "correct `gpus:`, or choose another host")
    needed = resources.gpu_memory_mib
    large = [gpu for gpu in resources.gpu or there if there[gpu] >= needed * MIB]
    if len(large) < (len(resources.gpu) or resources.gpus):
        most = max(there[gpu] for gpu in resources.gpu or there) // MIB
        raise Refusal(
            "no_gpu",
            f"the run asks for {needed} MiB of GPU memory, and at most {most} MiB are there",
            "lower `gpu_memory_mib`, or choose another GPU or host",
        )


def _orphans(root: Root, project: str, resources: Resources, there: Sequence[int]) -> None:
    """A GPU that leftovers hold will not become free by waiting, so a run that could get no other one is refused."""
    share, me = None if resources.exclusive else resources.slots, {"project": project}
    with slots.turn_to_look(root):
        wanted = resources.gpu or tuple(there)
        busy = [gpu for gpu in wanted if queueing.taken(root, [gpu], share, me)]
        kept = [gpu for gpu in busy if _left_over(slots.holders(root, gpu))]
        if len(wanted) - len(kept) >= (len(resources.gpu) or resources.gpus):
            return
        told = "; ".join(queueing.taken(root, kept, share, me))
    raise Refusal("orphans", told, "`trajvid-tui stop` of that worker ends them")


def _left_over(holders: List[slots.Who]) -> bool:
    return bool(holders) and not any(slots.alive(holder) for holder in holders)
