"""What is truly there in each clip of a recipe, for metrics to compare with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from renderer.scenes import CLUTTER, SceneRecipe
from renderer.truth import truth
from trainer.objects.boxes import Boxes


@dataclass(frozen=True)
class TrueObjects:
    """The objects of one clip, clutter left out: m of them in T frames."""

    ids: NDArray[np.int64]
    """Number of each within its data set, (m,)."""
    kinds: NDArray[np.uint8]
    """`renderer.scenes.Persistence`, (m,)."""
    colours: NDArray[np.uint8]
    """RGB, (m, 3)."""
    boxes: Boxes
    """Full extents in px, (m, T, 4); zero where nothing is seen."""
    visible: NDArray[np.float32]
    """Share of each that is seen, (m, T)."""
    counts: NDArray[np.bool_]
    """It is to be found, (m, T)."""
    ignored: NDArray[np.bool_]
    """Finding it is neither a hit nor a miss, (m, T)."""

    @property
    def frame_count(self) -> int:
        return int(self.counts.shape[1])

    def take(self, rows: slice | NDArray[np.bool_]) -> TrueObjects:
        """Return some of them."""
        return TrueObjects(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def true_objects(recipe: SceneRecipe) -> list[TrueObjects]:
    """Return the truth of every clip."""
    seen, real = truth(recipe), recipe.kind != CLUTTER
    every = TrueObjects(
        recipe.identity, recipe.kind, recipe.colour, seen.boxes, seen.visible, seen.counts, seen.ignored
    ).take(real)
    edges = np.searchsorted(recipe.clip[real], np.arange(len(recipe) + 1)).tolist()
    return [every.take(slice(low, high)) for low, high in pairwise(edges)]
