"""What a worker of the profile asks of a cluster and of torchrun, as `RunSpec.launcher` and `RunSpec.ranks` say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from remote.profile_schema import WorkerSettings
    from remote.profiles import Host


def launcher(
    entry: WorkerSettings, defaults: WorkerSettings, host: Host, blame: Callable[[str, str], NoReturn]
) -> dict[str, Any]:
    """Return what Slurm is asked for, {} on a host that runs processes. `blame` gets the key and what is wrong."""
    if host.launcher != "slurm":
        if entry.slurm is not None:
            blame("slurm", f"`slurm` is for a host with `launcher: slurm`, and {host.name} has none")
        return {}
    asked = dict(host.slurm)
    for settings in (defaults.slurm, entry.slurm):
        if settings is not None:
            asked |= settings.model_dump(exclude_defaults=True)
    return {"kind": "slurm", **asked}


def ranks(
    entry: WorkerSettings, defaults: WorkerSettings, host: Host, blame: Callable[[str, str], NoReturn]
) -> dict[str, Any]:
    """Return how torchrun starts the work, {} for a single process."""
    nproc = entry.nproc if entry.nproc is not None else defaults.nproc
    nodes = entry.nodes if entry.nodes is not None else defaults.nodes
    if (nodes or 1) > 1 and host.launcher != "slurm":
        blame("nodes", f"`nodes: {nodes}` is for a host with `launcher: slurm`: {host.name} is one machine")
    if (nproc or 1) == 1 and (nodes or 1) == 1:
        return {}
    return {"nproc": nproc or 1, "nodes": nodes or 1}
