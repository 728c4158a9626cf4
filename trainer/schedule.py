"""The learning rate as a pure function of the step, so that it needs no state in a checkpoint."""

from __future__ import annotations

import math

from trainer.config import TrainConfig
from trainer.stages import Stage


def learning_rate(config: TrainConfig, stage: Stage, step: int, epoch_steps: int) -> float:
    """Return the rate of step `step` (from 0, over all stages) in a stage of epochs of `epoch_steps` steps: a linear
    rise from the stage's first step, then a cosine to zero at its planned end, or a constant.
    """
    done, total = step - stage.start * epoch_steps, stage.epochs * epoch_steps
    rise = round(config.warmup * total)
    if done < rise:
        return stage.learning_rate * (done + 1) / rise
    if config.schedule == "constant":
        return stage.learning_rate
    share = (done - rise) / max(1, total - rise)
    return stage.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
