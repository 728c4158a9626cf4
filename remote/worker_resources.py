"""What a worker of the profile asks of its host, as `RunSpec.resources` says it to `remote.onhost.resources`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from remote.profile_schema import WorkerSettings
    from remote.profiles import Host, Worker

LIMITS = ("threads", "nice", "memory_mib", "disk_mib")
OF_A_GPU = ("exclusive", "gpu_memory_mib")


def resources(entry: WorkerSettings, defaults: WorkerSettings, blame: Callable[[str, str], NoReturn]) -> dict[str, Any]:
    """Return what a worker asks for: its own words first. `blame` gets the key and what is wrong with it."""
    asked: dict[str, Any] = {}
    for settings in (entry, defaults):
        if settings.gpu is not None and settings.gpus is not None:
            blame("gpus", "`gpu` (this very one) and `gpus` (so many) exclude each other")
    chooses = entry if entry.gpu is not None or entry.gpus is not None else defaults
    if isinstance(chooses.gpu, int):
        asked["gpu"] = chooses.gpu
    elif "auto" in (chooses.gpu, chooses.gpus):
        asked["gpus"] = 1
    elif chooses.gpus:
        asked["gpus"] = chooses.gpus
    for key in OF_A_GPU:
        own, value = getattr(entry, key), getattr(defaults, key)
        if own and not asked:
            blame(key, f"`{key}` is for a run that asks for a GPU (`gpu` or `gpus`)")
        if asked and (value if own is None else own):
            asked[key] = value if own is None else own
    for key in LIMITS:
        own, value = getattr(entry, key), getattr(defaults, key)
        if value if own is None else own:
            asked[key] = value if own is None else own
    if asked.keys() & {"gpu", "gpus"} and "CUDA_VISIBLE_DEVICES" in {**defaults.variables, **entry.variables}:
        blame("variables", "CUDA_VISIBLE_DEVICES is set by `gpu` and `gpus`: take one of them out")
    return asked


def on_host(worker: Worker, host: Host) -> dict[str, Any]:
    """Return what the host is told: the worker's wishes, and how its GPUs and starts are shared."""
    asked = dict(worker.resources)
    if asked.keys() & {"gpu", "gpus"} and not asked.get("exclusive"):
        asked["slots"] = host.slots
    if host.stagger_s:
        asked["stagger_s"] = host.stagger_s
    return asked
