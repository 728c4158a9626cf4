"""What a few numbers say about a label: nearest neighbours, trained on some scenes and asked about others."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 41


def balanced_accuracy(features: np.ndarray, label: np.ndarray, scene: np.ndarray) -> float:
    """Return the balanced accuracy of label (n,) of 0 and 1 from features (n, k), on a third of the scenes."""
    rng = np.random.default_rng(0)
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    scaled = (scaled + rng.normal(0, 1e-6, scaled.shape)).astype(np.float32)
    asked, known = scene % 3 == 0, scene % 3 != 0
    memory, answers = scaled[known], label[known].astype(float)
    distance = (memory**2).sum(axis=1) - 2 * scaled[asked] @ memory.T
    nearest = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    guess = answers[nearest].mean(axis=1) >= answers.mean()
    truth = label[asked].astype(bool)
    return float(guess[truth].mean() + (~guess[~truth]).mean()) / 2
