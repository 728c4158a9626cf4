"""Run a model over one split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.batches import Batch, Batches
from trainer.distributed import Ranks
from trainer.losses import compute_loss
from trainer.memory import answer
from trainer.metrics import Predictions
from trainer.models.unified import UnifiedModel


@dataclass(frozen=True)
class Answers:
    """What came of b clips of a batch."""

    label: NDArray[np.int64]
    logits: torch.Tensor
    """(b, classes)."""
    forecast: NDArray[np.float64]
    path: NDArray[np.float64] | None
    class_sum: float
    """Sums of the losses over the clips."""
    pred_sum: float


def evaluate(
    model: UnifiedModel, batches: Batches, device: torch.device, on_batch: Callable[[int, int], None],
    ranks: Ranks | None = None,
) -> Predictions:  # fmt: skip
    """Return the predictions for a split in its own order; `on_batch(done, total)` is called after each batch.

    With `ranks` each process answers its part of the batches, and all return the predictions for the whole.
    """
    model.eval()
    own: list[Answers | None] = []
    with torch.inference_mode():
        for index, batch in enumerate(batches.epoch(0), 1):
            own.append(_answers(model, batch.to(device)) if batch.share else None)
            on_batch(index, len(batches))
    parts = (ranks or Ranks()).gather(own)
    every = [one for batch_parts in zip(*parts, strict=True) for one in batch_parts if one is not None]
    count, scores = len(batches.source), torch.cat([one.logits for one in every])
    paths = [one.path for one in every if one.path is not None]
    return Predictions(
        np.concatenate([one.label for one in every]),
        scores.argmax(dim=1).numpy(),
        np.concatenate([one.forecast for one in every]),
        np.concatenate(paths) if paths else None,
        sum(one.class_sum for one in every) / count,
        sum(one.pred_sum for one in every) / count,
        len(batches.source.class_names),
        scores.softmax(dim=1).numpy(),
        model.tasks,
        batches.source.frames,
    )


def _answers(model: UnifiedModel, batch: Batch) -> Answers:
    outputs = answer(model, batch.video)
    _, class_loss, pred_loss = compute_loss(outputs, batch.targets)
    return Answers(
        batch.class_label.cpu().numpy().copy(),
        outputs["classification"].float().cpu(),
        outputs["forecast"].double().cpu().numpy(),
        None if batch.future_path is None else batch.future_path.double().cpu().numpy(),
        float(class_loss) * batch.clips,
        float(pred_loss) * batch.clips,
    )
