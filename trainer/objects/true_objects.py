"""What is truly there in each clip of a recipe, for metrics to compare with."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from renderer.scenes import CLUTTER, SceneRecipe
from renderer.truth import COUNTS_FROM, Truth, truth
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
    return _by_clip(recipe, truth(recipe), recipe.kind != CLUTTER)


def true_clutter(recipe: SceneRecipe) -> list[TrueObjects]:
    """Return the shapes of clutter of every clip, as if they were objects."""
    seen = truth(recipe)
    counts = seen.visible >= COUNTS_FROM
    as_objects = replace(seen, counts=counts, ignored=(seen.visible > 0) & ~counts)
    return _by_clip(recipe, as_objects, recipe.kind == CLUTTER)


def _by_clip(recipe: SceneRecipe, seen: Truth, chosen: NDArray[np.bool_]) -> list[TrueObjects]:
    every = TrueObjects(
        recipe.identity, recipe.kind, recipe.colour, seen.boxes, seen.visible, seen.counts, seen.ignored
    ).take(chosen)
    edges = np.searchsorted(recipe.clip[chosen], np.arange(len(recipe) + 1)).tolist()
    return [every.take(slice(low, high)) for low, high in pairwise(edges)]
