"""What a run asks of the host, `RunSpec.resources`, and what the work gets for it: variables, a limit, a priority."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

from remote.onhost.request import Refusal

GPU_MAX, SLOTS_MAX = 255, 64

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True)
class Resources:
    """The wishes of one run. Nothing said is no GPU of ours, no queue, no limit."""

    gpu: Tuple[int, ...] = ()
    """This very GPU, as nvidia-smi numbers it; or"""
    gpus: int = 0
    """this many, whichever are free."""
    no_gpu: bool = False
    """It said 0, and sees none; who says nothing sees what the host shows."""
    exclusive: bool = False
    """Nobody else on them."""
    gpu_memory_mib: int = 0
    """Free memory that each of them must have at the start."""
    slots: int = 2
    """How many runs may share a GPU, unless one of them is exclusive."""
    stagger_s: float = 0.0
    """How long a start may wait for the one before it on this host to make its first progress."""
    disk_mib: int = 0
    """Free space that there must be at the launch."""
    threads: int = 0
    nice: int = 0
    memory_mib: int = 0
    """Limit of memory, 0 = none."""

    @classmethod
    def from_dict(cls, told: Dict[str, Any]) -> "Resources":
        """Read `RunSpec.resources`; a key of a newer laptop is left alone. Raises `Refusal`."""
        return cls(
            gpu=() if told.get("gpu") is None else (_whole(told, "gpu", GPU_MAX),),
            gpus=_whole(told, "gpus", GPU_MAX),
            no_gpu=told.get("gpus") == 0 and told.get("gpu") is None,
            exclusive=told.get("exclusive") is True,
            gpu_memory_mib=_whole(told, "gpu_memory_mib"),
            slots=max(1, _whole(told, "slots", SLOTS_MAX, cls.slots)),
            stagger_s=_number(told, "stagger_s"),
            disk_mib=_whole(told, "disk_mib"),
            threads=_whole(told, "threads", 4096),
            nice=_whole(told, "nice", 19),
            memory_mib=_whole(told, "memory_mib"),
        )

    @property
    def wants_gpu(self) -> bool:
        return bool(self.gpu or self.gpus)

    @property
    def queues(self) -> bool:
        """True if the run may have to wait for others."""
        return self.wants_gpu or self.stagger_s > 0


def _number(told: Dict[str, Any], key: str) -> float:
    value = told.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 86400:
        raise Refusal("bad_request", f"`resources.{key}` must be a number of seconds")
    return float(value)


def _whole(told: Dict[str, Any], key: str, most: int = 2**40, default: int = 0) -> int:
    value = told.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refusal("bad_request", f"`resources.{key}` must be a whole number from 0 to {most}, not {value!r:.80}")
    return value


def environment(resources: Resources, gpus: Sequence[int]) -> Dict[str, str]:
    """Return the variables of the work: which GPUs it sees, how many threads its libraries start."""
    found = {"CUDA_VISIBLE_DEVICES": ""} if resources.no_gpu else {}
    if gpus:
        # CUDA counts the fastest first unless it is told to count as nvidia-smi does.
        found = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))}
    if resources.threads:
        found.update(dict.fromkeys(THREAD_VARIABLES, str(resources.threads)))
    return found


def memory_limiter(resources: Resources) -> Tuple[List[str], str]:
    """Return the words that go before the work's command to limit its memory, and why there are none if so.

    A scope of the user's systemd counts the whole family; it runs the command in its own place, as exec does.
    """
    if not resources.memory_mib:
        return [], ""
    limits = [f"MemoryMax={resources.memory_mib}M", "MemorySwapMax=0"]
    words = ["systemd-run", "--user", "--scope", "--quiet", "--collect", *(f"--property={each}" for each in limits)]
    why = _why_not([*words, "--", "true"])
    return ([], f"no limit of {resources.memory_mib} MiB on memory: {why}") if why else ([*words, "--"], "")


def _why_not(argv: List[str]) -> str:
    if shutil.which(argv[0]) is None:
        return f"this host has no {argv[0]}"
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{argv[0]}: {type(exc).__name__}"
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return "" if done.returncode == 0 else f"{argv[0]}: {lines[-1].strip() if lines else done.returncode}"
