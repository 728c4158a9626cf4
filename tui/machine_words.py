"""What a worker's row says of its machine: the GPUs that its run was granted, else the host as a whole."""

from __future__ import annotations

from remote.snapshot import RunSnapshot
from tui.format import Line, joined, size
from tui.hosts.gpus import gpu_words


def gpus_named(row: RunSnapshot) -> str:
    """`GPU 1`, `GPUs 0, 1`: those that were granted; '' if none was."""
    return f"GPU{'s' if len(row.gpus) > 1 else ''} {', '.join(map(str, row.gpus))}" if row.gpus else ""


def machine_words(row: RunSnapshot) -> Line:
    """The run's GPU with its memory first, or which GPUs it has; else load and memory."""
    return [(gpus_named(row), "dim")] if len(row.gpus) > 1 else joined(machine_parts(row))


def machine_parts(row: RunSnapshot) -> list[Line]:
    """The same, each GPU in full, to be placed one by one.

    Which of several GPUs a run uses that asked for none is not known, so none is named.
    """
    facts = row.facts
    told = {gpu.index: gpu_words(gpu) for gpu in facts.gpus} if facts is not None else {}
    if row.gpus:
        return [[("GPU ", "dim"), (told.get(index, str(index)), "dim")] for index in row.gpus]
    if told:
        return [[("GPU ", "dim"), *((words, "dim") for words in told.values())] if len(told) == 1
                else [(f"{len(told)} GPUs", "dim")]]  # fmt: skip
    if facts is None:
        return []
    parts: list[Line] = []
    if facts.load_1min is not None and facts.cpus:
        parts.append([(f"load {facts.load_1min:.1f}/{facts.cpus}", "dim")])
    if facts.memory_total_bytes:
        used = facts.memory_total_bytes - facts.memory_available_bytes
        parts.append([(f"{size(used)} of {size(facts.memory_total_bytes)}", "dim")])
    return parts
