"""What a worker's row says of its machine: the GPUs that its run was granted, else the host as a whole."""

from __future__ import annotations

from remote.snapshot import RunSnapshot
from tui.format import Line, joined, size
from tui.hosts.gpus import gpu_words

GPU_LINES = 8


def gpus_named(row: RunSnapshot) -> str:
    """`GPU 1`, `GPUs 0, 1`: those that were granted; '' if none was."""
    return f"GPU{'s' if len(row.gpus) > 1 else ''} {', '.join(map(str, row.gpus))}" if row.gpus else ""


def machine_words(row: RunSnapshot) -> Line:
    """The run's GPU with its memory first, or which GPUs it has; else load and memory of its host."""
    return joined(machine_parts(row))


def machine_parts(row: RunSnapshot) -> list[Line]:
    """The same, to be placed one by one.

    Which of several GPUs a run uses that asked for none is not known, so none is named.
    """
    facts = row.facts
    if len(row.gpus) > 1:
        return [[(gpus_named(row), "dim")]]
    known = facts.gpus if facts is not None else ()
    if row.gpus or len(known) == 1:
        return [[("GPU ", "dim"), (_told(row, row.gpus[0] if row.gpus else known[0].index), "dim")]]
    if facts is None:
        return []
    parts: list[Line] = []
    if facts.load_1min is not None and facts.cpus:
        parts.append([(f"load {facts.load_1min:.1f}/{facts.cpus}", "dim")])
    if facts.memory_total_bytes:
        used = facts.memory_total_bytes - facts.memory_available_bytes
        parts.append([(f"{size(used)} of {size(facts.memory_total_bytes)}", "dim")])
    return parts


def gpu_lines(row: RunSnapshot) -> list[Line]:
    """Each GPU of a run that was granted several."""
    return [[(_told(row, index), "dim")] for index in row.gpus[:GPU_LINES]] if len(row.gpus) > 1 else []


def _told(row: RunSnapshot, index: int) -> str:
    """What the host tells of a GPU, at least its number."""
    known = row.facts.gpus if row.facts is not None else ()
    return next((gpu_words(gpu) for gpu in known if gpu.index == index), str(index))
