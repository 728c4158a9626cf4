"""A step that does not fit into memory ends with the batch size that would; an evaluation goes on in smaller parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from trainer.errors import TrainerError
from trainer.problem import Batch, Inputs

T = TypeVar("T")
SomeBatch = TypeVar("SomeBatch", bound=Batch)
SomeInputs = TypeVar("SomeInputs", bound=Inputs)


def within_memory(step: Callable[[SomeBatch], None], batch: SomeBatch) -> None:
    """Do a step. If memory does not suffice, find out by halving which size does, and raise a `TrainerError`; the
    steps tried for that change the weights, so nothing may be saved afterwards. A part of a batch is not halved: the
    other processes would wait for it.
    """
    problem = _try(step, batch)
    if not problem:
        return
    clips = len(batch)
    if batch.share < 1:
        raise TrainerError(
            f"out of memory in a step of {clips} clips ({problem}), this process's part of the batch",
            hint="start a new run with a smaller batch_size, or with more processes",
        )
    size = clips // 2
    while size and _try(step, batch.first(size)):
        size //= 2
    raise TrainerError(
        f"out of memory in a step of {clips} clips ({problem}); "
        + (f"{size} would fit" if size else "not even one fits"),
        hint=f"start a new run with batch_size={size}" if size else "start a new run with a smaller width",
    )


def answer(model: Callable[[SomeInputs], dict[str, Tensor]], inputs: SomeInputs) -> dict[str, Tensor]:
    """Return the outputs for clips, without gradients; what does not fit into memory at once is done in parts. Raises
    `TrainerError` if not even one clip fits.
    """
    outputs: list[dict[str, Tensor]] = []

    def do(size: int) -> None:
        outputs[:] = [model(part) for part in inputs.split(size)]

    size = len(inputs)
    while problem := _try(do, size):
        if size == 1:
            raise TrainerError(f"out of memory in an evaluation: not even one clip fits ({problem})")
        size = -(-size // 2)
    return {name: torch.cat([part[name] for part in outputs]) for name in outputs[0]}


def _try(act: Callable[[T], None], what: T) -> str:
    """Act; return in words what memory lacked, '' if it sufficed. The tensors of what failed are gone then."""
    try:
        act(what)
    except (MemoryError, RuntimeError) as exc:
        if not is_out_of_memory(exc):
            raise
        problem = (str(exc).splitlines() or ["no more memory"])[0][:200]
    else:
        return ""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return problem


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """True for a lack of memory: CUDA has an error of its own, the CPU's allocator only words."""
    words = ("can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(one in str(error) for one in words)
