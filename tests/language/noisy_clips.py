"""Clips of all four classes as a model would see them: whole evidence with its errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from renderer.trajectories import TrajectoryRecipe, make_recipe
from tests.language.clips import seen
from trainer.language.evidence import Evidence

RECIPE = make_recipe("medium", 8, 3).recipe
ROWS = range(len(RECIPE))


def evidence(row: int, recipe: TrajectoryRecipe = RECIPE) -> Evidence:
    """A track and a forecast with errors, and a classifier that knows no more than its own noise."""
    rng, exact = np.random.default_rng(row), seen(recipe, row)
    assert exact.track is not None
    return replace(
        exact,
        probabilities=rng.dirichlet(np.ones(4)),
        forecast=recipe.camera_path()[row, exact.view.frames :] + rng.normal(0, 0.05, (5, 3)),
        forecast_sd=rng.uniform(0.02, 0.09, (5, 3)),
        track=exact.track + rng.normal(0, 0.05, exact.track.shape),
    )
