"""Probes: small classifiers that see only what should not tell the class. What they can, a model can.

Each is fitted on half of the scenes and judged on the other half, by balanced accuracy (the mean recall of the
classes), with its interval. The classifier is k nearest neighbours over standardised features, every class with the
same weight: it assumes no form, and few features suffice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.audit_report import Status

MOST_ITEMS = 6000
"""Items looked at; more would sharpen the interval below a percent."""
TOLERANCE = 0.1
"""How far from chance to perfection a probe may get: .55 for two classes, .325 for four."""
_Z95 = 1.959963984540054
_AT_ONCE = 512


@dataclass(frozen=True)
class Probe:
    """A question to a data set: do these features tell these labels?"""

    name: str
    features: NDArray[np.float64]
    """(m, d)."""
    label: NDArray[np.int64]
    """(m,)."""
    scene: NDArray[np.int64]
    """Items of one scene are never on both sides, (m,)."""
    limit: float | None = None
    """Balanced accuracy that is still acceptable; None = `TOLERANCE` above chance."""


@dataclass(frozen=True)
class Outcome:
    """What a probe reached on scenes that it had not seen."""

    accuracy: float
    """Balanced over classes."""
    low: float
    high: float
    """95 % interval."""
    chance: float
    limit: float
    items: int

    @property
    def status(self) -> Status:
        """`fail` if it is surely above the limit, `flag` if it seems to be."""
        return "fail" if self.low > self.limit else "flag" if self.accuracy > self.limit else "ok"


def run_probe(probe: Probe, seed: int = 0) -> Outcome | None:
    """Fit on half of the scenes and judge on the other half; None if a class has fewer than two scenes."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(probe.label))[:MOST_ITEMS])
    features, label, scene = probe.features[chosen], probe.label[chosen], probe.scene[chosen]
    classes = np.unique(probe.label)
    held = _half_of_scenes(rng, scene, label)
    if len(classes) < 2 or any((label[side] == one).sum() == 0 for one in classes for side in (held, ~held)):
        return None
    guess = _neighbours(features[~held], label[~held], features[held], classes)
    count = np.array([(label[held] == one).sum() for one in classes])
    hits = np.array([((label[held] == one) & (guess == one)).sum() for one in classes])
    accuracy = float((hits / count).mean())
    smoothed = (hits + 1) / (count + 2)
    error = math.sqrt(float((smoothed * (1 - smoothed) / (count + 2)).sum())) / len(classes)
    chance = 1 / len(classes)
    limit = chance + TOLERANCE * (1 - chance) if probe.limit is None else probe.limit
    low, high = max(0.0, accuracy - _Z95 * error), min(1.0, accuracy + _Z95 * error)
    return Outcome(accuracy, low, high, chance, limit, len(chosen))


def _half_of_scenes(rng: np.random.Generator, scene: NDArray[np.int64], label: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which items are held out: every second scene of each class, in random order."""
    held = []
    for one in np.unique(label):
        held.append(rng.permutation(np.unique(scene[label == one]))[1::2])
    return np.isin(scene, np.concatenate(held))


def _neighbours(
    known: NDArray[np.float64], label: NDArray[np.int64], asked: NDArray[np.float64], classes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the class that is most frequent among the nearest known items, in proportion to its own number."""
    mean, scale = known.mean(axis=0), known.std(axis=0)
    known, asked = ((part - mean) / np.where(scale > 0, scale, 1) for part in (known, asked))
    near = min(len(known), max(5, round(math.sqrt(len(known)))))
    weight = np.stack([(label == one) / (label == one).sum() for one in classes], axis=1)
    length = (known**2).sum(axis=1)
    guess = []
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        distance = length - 2 * part @ known.T
        nearest = np.argpartition(distance, near - 1, axis=1)[:, :near]
        guess.append(weight[nearest].sum(axis=1).argmax(axis=1))
    return np.asarray(classes[np.concatenate(guess)])
