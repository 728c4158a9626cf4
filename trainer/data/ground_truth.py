"""The truth beside exported pixels, as files that need none of our code to be read."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from renderer.descriptions import describe
from renderer.equations import equation
from renderer.recipe import Recipe
from renderer.scenes import SceneRecipe
from renderer.trajectories import TrajectoryRecipe
from renderer.truth import truth

TRUTH_NAMES = ("trajectory_3d.npy", "equations.jsonl", "truth.npz")


def truth_files(recipe: Recipe) -> dict[str, bytes]:
    """Return file contents by name.

    `trajectory_3d.npy`   camera-frame position of the sphere in all T + 5 frames, (n, T + 5, 3) float32
    `equations.jsonl`     a line a clip: exact equation in the world's and in the camera's frame, and a description
    `truth.npz`           a row an object: `clip`, `identity`, `kind`, `birth`, `life`, and `renderer.truth.Truth`
    """
    if isinstance(recipe, TrajectoryRecipe):
        buffer = io.BytesIO()
        np.save(buffer, recipe.camera_path().astype(np.float32), allow_pickle=False)
        return {"trajectory_3d.npy": buffer.getvalue(), "equations.jsonl": _lines(recipe)}
    assert isinstance(recipe, SceneRecipe)
    return {"truth.npz": _npz(_objects(recipe))}


def _lines(recipe: TrajectoryRecipe) -> bytes:
    columns = {"world": equation(recipe), "camera": equation(recipe, "camera"), "description": describe(recipe)}
    rows = zip(*columns.values(), strict=True)
    return b"".join(json.dumps(dict(zip(columns, row, strict=True))).encode() + b"\n" for row in rows)


def _objects(recipe: SceneRecipe) -> dict[str, Any]:
    seen = truth(recipe)
    stored = {name: getattr(recipe, name) for name in ("clip", "identity", "kind", "birth", "life")}
    return stored | {name: getattr(seen, name) for name in ("boxes", "visible", "position", "counts", "ignored")}


def _npz(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
