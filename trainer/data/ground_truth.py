"""The truth beside exported pixels, as files that need none of our code to be read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from renderer.recipe import Recipe
from renderer.scenes import SceneRecipe
from renderer.trajectories import TrajectoryRecipe

TRUTH_NAMES = ("trajectory_3d.npy", "truth.npz")


def truth_files(recipe: Recipe) -> dict[str, bytes]:
    """Return file contents by name.

    `trajectory_3d.npy`   camera-frame position of the sphere in all T + 5 frames, (n, T + 5, 3) float32
    `truth.npz`           a row an object: `clip`, `identity`, `kind`, `birth`, `life`, and `renderer.truth.Truth`
    """
    if isinstance(recipe, TrajectoryRecipe):
        buffer = io.BytesIO()
        np.save(buffer, recipe.camera_path().astype(np.float32), allow_pickle=False)
        return {"trajectory_3d.npy": buffer.getvalue()}
    assert isinstance(recipe, SceneRecipe)
    return {"truth.npz": _npz(_objects(recipe))}


def _objects(recipe: SceneRecipe) -> dict[str, Any]:
    from renderer.truth import truth

    seen = truth(recipe)
    stored = {name: getattr(recipe, name) for name in ("clip", "identity", "kind", "birth", "life")}
    return stored | {name: getattr(seen, name) for name in ("boxes", "visible", "position", "counts", "ignored")}


def _npz(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
