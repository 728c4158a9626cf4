"""A step that does not fit into memory ends with the batch size that would."""

from __future__ import annotations

from collections.abc import Callable

import torch

from trainer.data.batches import Batch
from trainer.errors import TrainerError

Step = Callable[[Batch], None]


def within_memory(step: Step, batch: Batch) -> None:
    """Do a step. If memory does not suffice, find out by halving which size does, and raise a `TrainerError`; the
    steps tried for that change the weights, so nothing may be saved afterwards.
    """
    problem = _try(step, batch)
    if not problem:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    clips = len(batch.class_label)
    size = clips // 2
    while size and _try(step, _first(batch, size)):
        size //= 2
    raise TrainerError(
        f"out of memory in a step of {clips} clips ({problem}); "
        + (f"{size} would fit" if size else "not even one fits"),
        hint=f"start a new run with batch_size={size}" if size else "start a new run with a smaller width",
    )


def _try(step: Step, batch: Batch) -> str:
    """Do a step; return in words what memory lacked, '' if it sufficed. The failed step's tensors are gone then."""
    try:
        step(batch)
    except (MemoryError, RuntimeError) as exc:
        if not is_out_of_memory(exc):
            raise
        return (str(exc).splitlines() or ["no more memory"])[0][:200]
    return ""


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """True for a lack of memory: CUDA has an error of its own, the CPU's allocator only words."""
    words = ("can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(one in str(error) for one in words)


def _first(batch: Batch, size: int) -> Batch:
    path = batch.future_path
    return Batch(batch.video[:size], batch.class_label[:size], None if path is None else path[:size])
