"""Evidence of clips without a model: what a detector without error sees."""

from __future__ import annotations

import numpy as np

from renderer.trajectories import TrajectoryRecipe
from trainer.language.evidence import Evidence, View


def seen(recipe: TrajectoryRecipe, row: int) -> Evidence:
    """What a detector without error sees of one clip, and a classifier that knows nothing."""
    window = recipe.window
    view = View(recipe.focal_px, window.size_px, recipe.sphere_radius, window.frames, window.fps)
    camera = recipe.camera_path(0, view.frames)
    radius = recipe.focal_px * recipe.sphere_radius / camera[row, :, 2:]
    track = np.concatenate([recipe.cameras.project(camera)[row], radius], axis=1)
    return Evidence(view, recipe.class_names, np.full(4, 0.25), None, None, track)
