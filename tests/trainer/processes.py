"""Several processes of one run, as torchrun would start them, forked from a process that has imported torch once."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
# DistributedDataParallel imports torch._dynamo, which takes longer than all that these tests do.
CONTEXT.set_forkserver_preload(["torch._dynamo", "torch.distributed", "matplotlib", "scipy", "trainer.loop"])
WORLD = 2


def start(work: Callable[..., None], *arguments: Any, world: int = WORLD) -> list[BaseProcess]:
    """Begin `work(*arguments)` in each process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [CONTEXT.Process(target=_begin, args=(rank, world, port, work, arguments)) for rank in range(world)]
    for process in started:
        process.start()
    return started


def ends(started: list[BaseProcess], timeout_s: float = 100) -> list[int | None]:
    """Wait for the processes; return their exit codes (None: it had to be killed)."""
    for process in started:
        process.join(timeout_s)
    codes = [process.exitcode for process in started]
    for process in started:
        process.kill()
        process.join()
    return codes


def _begin(rank: int, world: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    work(*arguments)
