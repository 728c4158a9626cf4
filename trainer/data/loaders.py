"""Batches made ahead by processes of their own, for a device that would wait for one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset


class _Made(Dataset[Any]):
    """What a function makes of each number below `count`."""

    def __init__(self, make: Callable[[int], Any], count: int) -> None:
        self._make, self._count = make, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        return self._make(index)


def made_ahead(make: Callable[[int], Any], count: int, processes: int) -> Iterator[Any]:
    """Yield make(0) ... make(count - 1), in this order, made by forked processes: `make` must not touch CUDA, and what
    it returns may not be filled anew.

    What it raises there is raised here. torch's own random state is left as it is.
    """
    generator = torch.Generator()  # else the loader draws its seed from the state that the model goes on with
    with warnings.catch_warnings():
        # On fewer cores it is slow, not wrong. Python 3.12 warns of any fork beside threads: they hold no lock of ours.
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
        workers = min(processes, count)
        loader = DataLoader(
            _Made(make, count), batch_size=None, num_workers=workers, generator=generator, worker_init_fn=_be_nice
        )
        yield from loader


def _be_nice(worker: int) -> None:
    """Never be in the way of the step that waits for us."""
    os.nice(5)
