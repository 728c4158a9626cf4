"""Splits of 70/15/15, stratified by class, by scene: all views of a scene fall into one split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)


def split_scenes(scene: NDArray[np.int64], label: NDArray[np.uint8], seed: int) -> dict[str, NDArray[np.int64]]:
    """Return the clip rows of each split, ascending. Each class with at least three scenes is in every split."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5711]))
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in SPLITS}
    for value in np.unique(label):
        scenes = rng.permutation(np.unique(scene[label == value]))
        held = max(1, round(SHARES[1] * len(scenes)))
        parts = np.split(scenes, [max(0, len(scenes) - 2 * held), max(0, len(scenes) - held)])
        for name, part in zip(SPLITS, parts, strict=True):
            chosen[name].append(part)
    return {name: np.flatnonzero(np.isin(scene, np.concatenate(parts))) for name, parts in chosen.items()}
