"""How well the kind of an object can be told from its life alone: the bound on every model of `objects`.

What is known after k frames: when the object was first seen, and in which of the k frames from then on it was seen.
Blinks are independent of kind, so the first frame and the last sighting tell all. Place, speed, size and colour tell
nothing (that is what the data set is built for), and detection and tracking are taken to be perfect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.lives import Life, shown_bits, unpack
from renderer.motion import Floats
from renderer.objects import FRAMES, ObjectTier
from renderer.scenes import Persistence

FRAMES_SEEN = (*range(1, 13), FRAMES)
"""Frames k after which a decision is asked for; the last is the whole clip."""


@dataclass(frozen=True)
class BayesCurve:
    """Balanced accuracies after each of `FRAMES_SEEN`."""

    bayes: Floats
    """The best that can be reached."""
    hits: Floats
    """The best rule 'persistent if seen at least h times', on simulated lives."""
    least_hits: NDArray[np.int64]
    """That h."""


def bayes_curve(tier: ObjectTier, objects: int = 20_000) -> BayesCurve:
    """Return the curve of a tier without cue; `objects` lives of each kind are simulated for the rule."""
    laws = [tier.life[kind] for kind in Persistence]
    bayes = [np.maximum(*(_sightings(law, tier.blink, k) for law in laws)).sum() / 2 for k in FRAMES_SEEN]
    rng = np.random.default_rng(0)
    transient, persistent = (_hits(rng, law, tier.blink, objects) for law in laws)
    rules = [_best_rule(transient[:, k - 1], persistent[:, k - 1]) for k in FRAMES_SEEN]
    return BayesCurve(np.array(bayes), np.array([rule[0] for rule in rules]), np.array([rule[1] for rule in rules]))


def _sightings(law: Life, blink: float, k: int) -> Floats:
    """Return the probability (first frame, frames from it to the last sighting) of lives watched for k frames."""
    births = range(law.birth.low, law.birth.high + 1)
    lengths = range(law.length.low, law.length.high + 1)
    chance = np.zeros((FRAMES, FRAMES))
    each = 1 / (len(births) * len(lengths))
    for birth in births:
        first = max(birth, 0)
        for length in lengths:
            watched = min(birth + length - first, k, FRAMES - first)
            last = np.arange(watched)
            missed = blink ** (watched - 1 - last)
            chance[first, :watched] += each * missed * np.where(last == 0, 1, 1 - blink)
    return chance


def _hits(rng: np.random.Generator, law: Life, blink: float, n: int) -> NDArray[np.int64]:
    """Simulate n lives; return how often each was seen in its first 1, 2, ... frames, (n, FRAMES)."""
    birth, length = law.birth.sample(rng, n), law.length.sample(rng, n)
    shown = unpack(shown_bits(rng, birth, length, blink, FRAMES), FRAMES)
    frame = np.maximum(birth, 0)[:, None] + np.arange(FRAMES)
    seen = (frame < FRAMES) & np.take_along_axis(shown, np.minimum(frame, FRAMES - 1), axis=1)
    return np.asarray(np.cumsum(seen, axis=1))


def _best_rule(transient: NDArray[np.int64], persistent: NDArray[np.int64]) -> tuple[float, int]:
    """Return the best balanced accuracy of 'persistent if hits >= h', and its h."""
    least = np.arange(1, FRAMES + 2)
    right = (transient[:, None] < least).mean(axis=0) + (persistent[:, None] >= least).mean(axis=0)
    best = int(right.argmax())
    return float(right[best] / 2), int(least[best])
