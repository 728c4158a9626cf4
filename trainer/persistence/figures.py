"""Figures of a trained pipeline on watched clips: scores, accuracy by kind of clip, importance of what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.parts import ClipKind
from trainer.memory import answer
from trainer.persistence.batches import TrackBatches
from trainer.persistence.observed import Observed
from trainer.persistence.pipeline import ModularTrackingPipeline
from trainer.persistence.rules import binary_metrics
from trainer.persistence.statistics import COLUMNS, GROUPS

Tick = Callable[[int, int], None]
LOOKS = "looks"
REPEATS = 3
LEAST = 1e-7


@dataclass(frozen=True)
class Scored:
    """What was said of n clips in their own order."""

    score: NDArray[np.float64]
    """Probability of PERSISTENT, (n,)."""
    label: NDArray[np.int64]
    """(n,)."""

    @property
    def guess(self) -> NDArray[np.int64]:
        return (self.score >= 0.5).astype(np.int64)

    @property
    def accuracy(self) -> float:
        return float((self.guess == self.label).mean())

    @property
    def loss(self) -> float:
        """Mean cross entropy."""
        sure = np.clip(np.where(self.label == 1, self.score, 1 - self.score), LEAST, 1)
        return float(-np.log(sure).mean())

    def metrics(self, decided_at_frame: int) -> dict[str, float]:
        """Return the figures, with the number of frames that had been seen of each clip."""
        figures = binary_metrics(self.label, self.guess)
        return figures | {"class_loss": self.loss, "decided_at_frame": decided_at_frame}


def score_clips(
    pipeline: ModularTrackingPipeline, batches: TrackBatches, device: torch.device, tick: Tick = lambda *_: None,
    change: Callable[[Observed], Observed] = lambda observed: observed,
) -> Scored:  # fmt: skip
    """Score all clips of a stream in order; `change` is applied to what is seen of each batch."""
    pipeline.eval()
    scores = []
    with torch.inference_mode():
        for index, batch in enumerate(batches.epoch(0), 1):
            if batch.share:
                scores.append(answer(pipeline, change(batch.inputs).to(device))["score"].double().cpu().numpy())
            tick(index, len(batches))
    return Scored(np.concatenate(scores), batches.label)


def by_kind(scored: Scored, kind: NDArray[np.integer]) -> dict[str, float]:
    """Return the accuracy on each kind of clip that there is."""
    right = scored.guess == scored.label
    return {f"accuracy_{one.name.lower()}": float(right[kind == one].mean()) for one in ClipKind if (kind == one).any()}


def importance(
    pipeline: ModularTrackingPipeline, batches: TrackBatches, device: torch.device, tick: Tick, seed: int = 0
) -> dict[str, float]:
    """Return by how much the accuracy falls when a group of numbers, or the looks, of each track are those of another
    track of the batch (permutation importance, Breiman 2001); mean of `REPEATS`. What the pipeline is not told: 0.
    """
    whole = score_clips(pipeline, batches, device, tick).accuracy
    drops = {}
    told = [*(GROUPS if pipeline.features.needs_numbers else ()), *([LOOKS] if pipeline.features.needs_crops else ())]
    for group in told:
        rights = []
        for repeat in range(REPEATS):
            rng = np.random.default_rng((seed, repeat))
            scored = score_clips(pipeline, batches, device, tick, partial(_mixed, group=group, rng=rng))
            rights.append(scored.accuracy)
        drops[group] = whole - float(np.mean(rights))
    return drops


def _mixed(observed: Observed, group: str, rng: np.random.Generator) -> Observed:
    """Return the tracks, each with the `group` of another."""
    present = observed.present
    order = torch.from_numpy(rng.permutation(int(present.sum())))
    if group == LOOKS:
        crops = observed.crops.clone()
        crops[present] = crops[present][order]
        return replace(observed, crops=crops)
    columns = torch.tensor([COLUMNS.index(name) for name in GROUPS[group]])
    numbers = observed.numbers.clone()
    own = numbers[present]
    own[..., columns] = own[order][..., columns]
    numbers[present] = own
    return replace(observed, numbers=numbers)
