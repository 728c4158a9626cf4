"""How long a model takes to answer: a clip alone, and a clip among those of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn

from trainer.memory import answer
from trainer.problem import Stream

BUDGET_S = 0.1
"""Time that the answers of one of the two measurements may take together, if `FEWEST` of them do not take longer."""
LONGEST_S = 0.2
"""Time that a batch may take."""
FEWEST, MOST = 3, 30


@dataclass(frozen=True)
class InferenceTime:
    """Medians on one CPU thread, or on a GPU; float32, not compiled, the clips in memory as uint8."""

    ms: float
    """A clip alone."""
    batch: int
    """Clips of the batch: those of an evaluation, or fewer where these would take too long."""
    batch_ms: float
    """A clip of the batch."""
    device: str


def time_inference(model: nn.Module, batches: Stream, device: torch.device) -> InferenceTime:
    """Measure on the first clips of `batches`. Threads are afterwards what they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model.eval()
    try:
        first = next(batches.epoch(0)).to(device)
        with torch.inference_mode():
            alone = _median_s(lambda: model.forward(first.first(1).inputs), device)
            batch = max(1, min(len(first), int(LONGEST_S / alone)))
            together = _median_s(lambda: answer(model.forward, first.first(batch).inputs), device)
    finally:
        torch.set_num_threads(threads)
    return InferenceTime(1000 * alone, batch, 1000 * together / batch, device.type)


def _median_s(answer: Callable[[], object], device: torch.device) -> float:
    """Return the median time of an answer; the first one, which warms up, does not count."""

    def timed() -> float:
        began = time.perf_counter()
        answer()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    timed()
    times = [timed() for _ in range(FEWEST)]
    while sum(times) < BUDGET_S and len(times) < MOST:
        times.append(timed())
    return median(times)
