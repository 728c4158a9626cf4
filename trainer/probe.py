"""What runs fastest here? Options that are `auto` are chosen by timing a few steps of each setting.

Every measurement works on a copy of the model, and torch's random state is put back afterwards, so that a run with
`auto` gives the same figures as one that states the chosen setting.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from trainer.config import TrainConfig
from trainer.memory import is_out_of_memory
from trainer.optimiser import AdamW
from trainer.precision import Precision, Setting
from trainer.problem import Batch, Problem, Stream

STEPS = 3
"""Timed steps of a setting, after one that is not counted; the fastest counts, as others may use the machine."""
STEPS_S = 5.0
"""No further step of a setting after so long, nor any further setting after `BUDGET_S`."""
BUDGET_S = 60.0
GAIN = 0.9
"""Share of the time of the setting before that a less plain one must stay under to be chosen."""

Say = Callable[[str], None]
"""Takes a line for people; may raise to end the measurement."""


def choose_setting(
    config: TrainConfig, problem: Problem, model: nn.Module, train: Stream, device: torch.device, say: Say
) -> Setting:
    """Return the config's setting, with what is `auto` in it measured: threads first, then number format and order."""
    found = plain_setting(config)
    if "auto" not in (config.threads, config.dtype, config.layout):
        return found
    batch = next(train.epoch(0)).to(device)
    began = time.monotonic()
    best = time_setting(found, config, problem, model, batch, device)
    said, tried = [_words(found, best)], {found}
    for wanted in _candidates(config, model, device):
        setting = replace(found, **wanted)
        if setting in tried or time.monotonic() - began > BUDGET_S:
            continue
        tried.add(setting)
        say(f"measuring {setting}")
        took = time_setting(setting, config, problem, model, batch, device)
        said.append(_words(setting, took))
        if took < GAIN * best:
            found, best = setting, took
    say(f"a step of {len(batch)} clips takes: {'; '.join(said)}; chosen: {found}")
    return found


def _words(setting: Setting, took_s: float) -> str:
    return f"{setting} {1000 * took_s:.0f} ms" if math.isfinite(took_s) else f"{setting} does not fit into memory"


def plain_setting(config: TrainConfig) -> Setting:
    """Return the config's setting with the plainest choice for each `auto`."""
    return Setting(
        threads=1 if config.threads == "auto" else config.threads,
        dtype="float32" if config.dtype == "auto" else config.dtype,
        layout="contiguous" if config.layout == "auto" else config.layout,
    )


def _candidates(config: TrainConfig, model: nn.Module, device: torch.device) -> list[dict[str, Any]]:
    """Return changes to the best setting so far, in the order in which they are tried."""
    cuda = device.type == "cuda"
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    cores = 1 if cuda else max(1, len(os.sched_getaffinity(0)) // processes)
    wanted: list[dict[str, Any]] = []
    if config.threads == "auto":
        wanted += [{"threads": count} for count in sorted({*(2**power for power in range(cores.bit_length())), cores})]
    changes: list[dict[str, Any]] = [{}]
    if config.layout == "auto" and any(weight.dim() >= 4 for weight in model.parameters()):
        changes += [{"layout": "channels_last"}]
    if config.dtype == "auto" and (not cuda or torch.cuda.is_bf16_supported()):
        changes += [change | {"dtype": "bfloat16"} for change in changes]
    return wanted + changes


def time_setting(
    setting: Setting, config: TrainConfig, problem: Problem, model: nn.Module, batch: Batch, device: torch.device
) -> float:
    """Return the seconds of one training step on a copy of the model; infinity if it does not fit into memory."""
    threads = torch.get_num_threads()
    precision = Precision(setting, device)
    cuda = device.type == "cuda"
    with torch.random.fork_rng(range(torch.cuda.device_count()) if cuda else []):
        try:
            trial = copy.deepcopy(model).train()
            precision.prepare(trial)
            optimiser = AdamW(trial.parameters(), 0.0)
            times: list[float] = []
            while len(times) <= STEPS and sum(times) < STEPS_S:
                began = time.perf_counter()
                loss, _ = problem.losses(precision.forward(trial, batch.inputs), batch)
                precision.descend(loss, trial, optimiser, config.clip_norm)
                if cuda:
                    torch.cuda.synchronize()
                times.append(time.perf_counter() - began)
            return min(times[1:] or times)
        except (MemoryError, RuntimeError) as exc:
            if not is_out_of_memory(exc):
                raise
            return float("inf")
        finally:
            torch.set_num_threads(threads)
