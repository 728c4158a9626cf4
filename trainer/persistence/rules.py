"""What needs no learning: rules on the tracks of a clip. A model that is not above the best of them has no skill.

majority           the commoner label of the training split
hits               the longest track has at least h sightings
span               the longest track lasts at least h frames
sightings          all tracks of the clip have at least h sightings together
born at 0          the longest track is there in the first frame (or is not, whichever is right more often)

Every h is the one that is right most often on the training split; so they are trained, in a way, on the same clips.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.metrics import classification_metrics, confusion_matrix
from trainer.objects.tracks import Track

RULES = ("hits", "span", "sightings", "born at 0")
Array = NDArray[np.float64]
Judged = tuple[Array, NDArray[np.int64]]
"""`evidence` of clips, and their labels."""


def evidence(clips: Sequence[Sequence[Track]]) -> Array:
    """Return what each rule looks at, (n, len(RULES)); tracks of a clip come longest first."""
    rows = []
    for tracks in clips:
        spans = [track.frames[-1] - track.frames[0] + 1 for track in tracks]
        born = float(tracks[0].frames[0] == 0) if tracks else 0.0
        rows.append((len(tracks[0]) if tracks else 0, max(spans, default=0), sum(map(len, tracks)), born))
    return np.array(rows, np.float64).reshape(-1, len(RULES))


def rule_table(training: Judged, tested: Judged) -> dict[str, dict[str, float]]:
    """Return {rule: figures} on the tested clips."""
    (seen, label), (shown, truth) = training, tested
    guesses = {"majority": np.full(len(truth), np.bincount(label, minlength=2).argmax())}
    least = {}
    for column, name in enumerate(RULES):
        h, above = best_threshold(seen[:, column], label)
        guesses[name] = np.where(shown[:, column] >= h, above, 1 - above)
        least[name] = {"h": h}
    return {name: binary_metrics(truth, guess) | least.get(name, {}) for name, guess in guesses.items()}


def best_threshold(values: Array, label: NDArray[np.int64]) -> tuple[float, int]:
    """Return h and the label that `values >= h` shall mean, so that this is right most often."""
    candidates = np.append(np.unique(values), values.max() + 1)
    right = np.array([((values >= h) == label).mean() for h in candidates])
    above = int(right.max() >= 1 - right.min())
    return float(candidates[right.argmax() if above else right.argmin()]), above


def binary_metrics(label: NDArray[np.int64], guess: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy with its interval and n, and precision, recall and F1 of the positive label 1."""
    confusion = confusion_matrix(label, guess, 2)
    hit = float(confusion[1, 1])
    precision, recall = hit / max(int(confusion[:, 1].sum()), 1), hit / max(int(confusion[1].sum()), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return classification_metrics(confusion) | {"precision": precision, "recall": recall, "f1": f1}
