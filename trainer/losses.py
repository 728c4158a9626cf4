"""Loss = w_class * cross-entropy + w_pred * mean squared error (workspace half-sides squared)."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor


def compute_loss(
    outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor], w_class: float = 1.0, w_pred: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (total, class, pred) losses.

    `outputs`: `classification` (B, 4), `prediction` (B, 3), optionally `forecast` (B, 5, 3). `targets`: `class_label`
    (B,), `future_position` (B, 3), optionally `future_path` (B, 5, 3). Where both give all five frames the error
    trains all five, else t+5 alone. The loss of a task of weight 0 is not computed, nor that of a forecast without any
    future position: it is 0.
    """
    class_loss = pred_loss = outputs["classification"].new_zeros(())
    if w_class:
        class_loss = F.cross_entropy(outputs["classification"], targets["class_label"])
    if not w_pred:
        pass
    elif "forecast" in outputs and "future_path" in targets:
        pred_loss = F.mse_loss(outputs["forecast"], targets["future_path"])
    elif "future_position" in targets:
        pred_loss = F.mse_loss(outputs["prediction"], targets["future_position"])
    return w_class * class_loss + w_pred * pred_loss, class_loss, pred_loss
