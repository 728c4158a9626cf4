"""What really happened in a clip: for those who score, never for those who describe.

`Truth` shares no type with `trainer.language.evidence.Evidence`, and no describer takes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.descriptions import Claims, claims_of
from renderer.motion import Family, Floats, Motion
from renderer.sampling import Window
from renderer.trajectories import TrajectoryRecipe


@dataclass(frozen=True)
class Truth:
    """One clip, in the camera's coordinates: x right, y down, z forward, in workspace half-sides."""

    family: Family
    motion: Motion
    """Of one path, s from the middle of the window."""
    path: Floats
    """Positions in all frames, (T + 5, 3)."""
    claims: Claims
    window: Window


def truths(recipe: TrajectoryRecipe, rows: NDArray[np.int64] | None = None) -> list[Truth]:
    """Return the truth of some clips of a recipe, in the order of `rows` (default: of all)."""
    chosen = recipe if rows is None else recipe.take(rows)
    families, motion, window = [Family(label) for label in chosen.label], chosen.camera_motion, chosen.window
    motions = [motion.of(np.array([row])) for row in range(len(chosen))]
    clips = zip(families, motions, chosen.camera_path(), claims_of(motion, families, window), strict=True)
    return [Truth(*clip, window) for clip in clips]
