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
    elif chooses.gpus is not None:
        asked["gpus"] = chooses.gpus
    for key in OF_A_GPU:
        if getattr(entry, key) and not _wants_gpu(asked):
            blame(key, f"`{key}` is for a run that asks for a GPU (`gpu` or `gpus`)")
    for key in (*OF_A_GPU, *LIMITS) if _wants_gpu(asked) else LIMITS:
        own = getattr(entry, key)
        value = getattr(defaults, key) if own is None else own
        if value:
            asked[key] = value
    if asked.keys() & {"gpu", "gpus"} and "CUDA_VISIBLE_DEVICES" in {**defaults.variables, **entry.variables}:
        blame("variables", "CUDA_VISIBLE_DEVICES is set by `gpu` and `gpus`: take one of them out")
    return asked


def _wants_gpu(asked: dict[str, Any]) -> bool:
    return "gpu" in asked or bool(asked.get("gpus"))


def on_host(worker: Worker, host: Host) -> dict[str, Any]:
    """Return what the host is told: the worker's wishes, and how its GPUs and starts are shared."""
    asked = dict(worker.resources)
    if _wants_gpu(asked) and not asked.get("exclusive"):
        asked["slots"] = host.slots
    if host.stagger_s:
        asked["stagger_s"] = host.stagger_s
    return asked
