"""What `sbatch` is asked for: the fixed options of every job, and those that come from the profile."""

from __future__ import annotations

from typing import Any, Dict, List

from remote.onhost import slurm
from remote.onhost.ranks import Ranks
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources
from wire.records import RunSpec

LEAD_S = 120
"""So long before the time limit Slurm sends USR1, if the work's own grace does not need longer."""
SIGNAL_MAX_S = 65535


def submission(spec: RunSpec, attempt: str, nonce: str, log: str, script: str) -> List[str]:
    """Return the `sbatch` call for one attempt. Raises `Refusal` for what no launcher entry may hold."""
    return [
        "sbatch",
        "--parsable",
        "--no-requeue",
        f"--job-name={slurm.job_name(attempt)}",
        f"--comment={nonce}",
        "--chdir=/",
        f"--output={_literal(log)}",
        "--open-mode=append",
        f"--signal=B:USR1@{lead_s(spec)}",
        "--kill-on-invalid-dep=yes",
        "--export=NONE",
        *_asked(spec),
        script,
    ]


def _literal(path: str) -> str:
    """A path in which Slurm replaces nothing: `%` begins its own place names, a backslash would end their use."""
    return path.replace("%", "%%")


def _asked(spec: RunSpec) -> List[str]:
    """The options that come from the profile: partition and limits, nodes, CPUs, GPUs and memory of each node."""
    told, resources, ranks = spec.launcher, Resources.from_dict(spec.resources), Ranks.of(spec) or Ranks()
    cpus = _count(told, "cpus", resources.threads)
    gpus = resources.gpus or len(resources.gpu)
    found = [f"--{key}={_word(told, key)}" for key in ("partition", "account", "qos", "constraint") if told.get(key)]
    found += [f"--nodes={ranks.nodes}", "--ntasks-per-node=1"]
    found += [f"--time={limit_min(spec)}"] if limit_min(spec) else []
    found += [f"--cpus-per-task={cpus * ranks.nproc}"] if cpus else []
    found += [f"--gres=gpu:{gpus}"] if gpus else []
    found += [f"--mem={resources.memory_mib}M"] if resources.memory_mib else []
    return found


def limit_min(spec: RunSpec) -> int:
    """The time limit that is asked for, in minutes; 0 leaves it to the partition."""
    return _count(spec.launcher, "time_min", 0)


def lead_s(spec: RunSpec) -> int:
    """How long before the limit the signal comes: time for two graces, but no more than a quarter of a short limit.

    Slurm may send it up to a minute earlier.
    """
    wanted = max(LEAD_S, int(2 * spec.grace_s))
    short = limit_min(spec) * 60 // 4 or SIGNAL_MAX_S
    return max(1, min(wanted, short, SIGNAL_MAX_S))


def _count(told: Dict[str, Any], key: str, default: int) -> int:
    value = told.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**6:
        raise Refusal("bad_request", f"`{key}` must be a whole number, not {value!r:.80}")
    return value


def _word(told: Dict[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value.isprintable() or len(value) > 300:
        raise Refusal("bad_request", f"`slurm: {key}:` must be a word, not {value!r:.80}")
    return value
