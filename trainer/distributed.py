"""The processes of one run: `torchrun --nproc-per-node N -m trainer run ...`, on machines that share the run's folder.

Every process draws its own part of each batch, and `DistributedDataParallel` averages the gradients, so that all hold
the same weights. What hangs on a clock, a signal or a file is settled between them; the first alone speaks and writes.
A run of one process has a `Ranks` too, which needs nobody and imports no torch.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from trainer.errors import ConfigError, TrainerError

if TYPE_CHECKING:
    import torch
    from torch import nn

T = TypeVar("T")
TIMEOUT = timedelta(minutes=10)
"""A process that hangs for so long ends the run. One that dies is noticed at once."""


class Ranks:
    """The one process of a run that has no other: whatever is asked of all of them, it answers alone."""

    rank, world = 0, 1

    @property
    def is_main(self) -> bool:
        """True for the process that speaks and writes."""
        return self.rank == 0

    @property
    def part(self) -> tuple[int, int]:
        """Which part of how many of each batch this process works on."""
        return self.rank, self.world

    def sum(self, *values: float) -> list[float]:
        """Return the sum of each value over all processes."""
        return list(values)

    def largest(self, *values: float) -> list[float]:
        """Return the largest of each value over all processes; of flags: whether any of them raised it."""
        return list(values)

    def gather(self, value: T) -> list[T]:
        """Return what each process gave, in their order."""
        return [value]

    def of_main(self, value: T) -> T:
        """Return what the first process gave."""
        return self.gather(value)[0]

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the first process through before the others: it makes a file that they only find."""
        yield

    def device(self, device: torch.device) -> torch.device:
        """Return the device of this process, of a kind that was chosen for all."""
        return device

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return what a training step calls for `model`: its backward pass averages the gradients of all processes."""
        return model

    def share_buffers(self, model: nn.Module) -> None:
        """Take over what the first process's model has counted: the running statistics of batch norm."""

    def leave(self) -> None:
        """Do no more together: from here on the first process works alone."""


class Processes(Ranks):
    """One process among several, as torchrun's environment tells."""

    def __init__(self) -> None:
        import torch
        import torch.distributed as dist

        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self._torch, self._dist = torch, dist

    def sum(self, *values: float) -> list[float]:
        return self._reduce(values, self._dist.ReduceOp.SUM)

    def largest(self, *values: float) -> list[float]:
        return self._reduce(values, self._dist.ReduceOp.MAX)

    def _reduce(self, values: tuple[float, ...], how: torch.distributed.ReduceOp.RedOpType) -> list[float]:
        together = self._torch.tensor(values, dtype=self._torch.float64)
        self._dist.all_reduce(together, how)
        return [float(value) for value in together]

    def gather(self, value: T) -> list[T]:
        found: list[T] = [value] * self.world
        self._dist.all_gather_object(found, value)
        return found

    @contextmanager
    def main_first(self) -> Iterator[None]:
        if not self.is_main:
            self.sum(0)
        yield
        if self.is_main:
            self.sum(0)

    def device(self, device: torch.device) -> torch.device:
        if device.type != "cuda":
            return device
        own, there = int(os.environ.get("LOCAL_RANK", self.rank)), self._torch.cuda.device_count()
        if own >= there:
            raise ConfigError(
                f"process {own + 1} of this machine finds no CUDA device of its own: there are {there}",
                hint=f"--nproc-per-node {there}, or device=cpu",
            )
        self._torch.cuda.set_device(own)
        return self._torch.device("cuda", own)

    def parallel(self, model: nn.Module) -> nn.Module:
        # With the channels last, a 1x1 convolution has two names for one order, and only one of them is expected.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        return self._torch.nn.parallel.DistributedDataParallel(model)

    def share_buffers(self, model: nn.Module) -> None:
        for buffer in model.buffers():
            self._dist.broadcast(buffer, 0)

    def leave(self) -> None:
        self._dist.destroy_process_group()


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the other processes of the run, if torchrun started any; errors then say whose they are."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield Ranks()
        return
    ranks = Processes()
    who = f"process {ranks.rank + 1} of {ranks.world}"
    try:
        yield ranks
    except TrainerError as exc:
        exc.args = (f"{who}: {exc}",)
        raise
    except RuntimeError as exc:
        if not any(word in str(exc) for word in ("gloo", "NCCL")):
            raise
        seen = str(exc).splitlines()[0].partition("] ")[2].partition(". ")[0]
        raise TrainerError(
            f"{who}: another process has ended, or hangs ({seen})",
            hint="the reason is what it said itself; --resume goes on from the last checkpoint",
        ) from exc
