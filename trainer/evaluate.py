"""Run a model over one split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from trainer.data.batches import Batches
from trainer.losses import compute_loss
from trainer.metrics import Predictions
from trainer.models.unified import UnifiedModel


def evaluate(
    model: UnifiedModel, batches: Batches, device: torch.device, on_batch: Callable[[int, int], None]
) -> Predictions:
    """Return the predictions for a split in its own order; `on_batch(done, total)` is called after each batch."""
    model.eval()
    labels, logits, forecasts, paths = [], [], [], []
    class_sum = pred_sum = 0.0
    with torch.inference_mode():
        for index, batch in enumerate(batches.epoch(0), 1):
            batch = batch.to(device)
            outputs = model(batch.video)
            _, class_loss, pred_loss = compute_loss(outputs, batch.targets)
            class_sum += float(class_loss) * len(batch.class_label)
            pred_sum += float(pred_loss) * len(batch.class_label)
            labels.append(batch.class_label.cpu().numpy().copy())
            logits.append(outputs["classification"].float().cpu())
            forecasts.append(outputs["forecast"].double().cpu().numpy())
            if batch.future_path is not None:
                paths.append(batch.future_path.double().cpu().numpy())
            on_batch(index, len(batches))
    count, scores = len(batches.source), torch.cat(logits)
    return Predictions(
        np.concatenate(labels),
        scores.argmax(dim=1).numpy(),
        np.concatenate(forecasts),
        np.concatenate(paths) if paths else None,
        class_sum / count,
        pred_sum / count,
        len(batches.source.class_names),
        scores.softmax(dim=1).numpy(),
    )
