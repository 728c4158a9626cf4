"""The learning rate as a pure function of the step, so that it needs no state in a checkpoint."""

from __future__ import annotations

import math

from trainer.config import TrainConfig


def learning_rate(config: TrainConfig, step: int, total_steps: int) -> float:
    """Return the rate of step `step` (from 0): a linear rise, then a cosine to zero or a constant."""
    rise = round(config.warmup * total_steps)
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    if config.schedule == "constant":
        return config.learning_rate
    share = (step - rise) / max(1, total_steps - rise)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
