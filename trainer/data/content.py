"""What a clip shows, as one number: by it twins are found that differ in view, colour, style, noise or scene number."""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from renderer.recipe import Recipe
from renderer.scenes import SceneRecipe
from renderer.trajectories import TrajectoryRecipe


def content_hashes(recipe: Recipe) -> NDArray[np.uint64]:
    """Return a number for each clip, (n,), that only clips of the same world paths share.

    A clip without an object shows nothing but its noise, and is told by that.
    """
    assert isinstance(recipe, TrajectoryRecipe | SceneRecipe)
    clips = np.arange(len(recipe) + 1)
    first = np.searchsorted(recipe.clip, clips) if isinstance(recipe, SceneRecipe) else clips
    motion = np.ascontiguousarray(recipe.motion).reshape(len(recipe.motion), -1)
    parts = (motion[start:stop].tobytes() for start, stop in pairwise(first))
    seeds = (seed.tobytes() for seed in recipe.noise_seed)
    digests = b"".join(blake2b(part or seed, digest_size=8).digest() for part, seed in zip(parts, seeds, strict=True))
    return np.frombuffer(digests, "<u8").astype(np.uint64)
