"""The physics fit: what the equations of motion make of our detector's track, without any network.

It knows more than a network is told (that there are four families, their form, the focal length and the sphere's true
radius), so it is a reference and never a control.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from renderer.motion import Family
from renderer.trajectories import TrajectoryRecipe
from trainer.data.source import ClipSource, RecipeSource
from trainer.errors import DataError
from trainer.language.evidence import Evidence
from trainer.language.fit import fit_all, forecast
from trainer.language.gathering import track, view_of
from trainer.metrics import Predictions

PHYSICS_FIT = "physics_fit"
_BATCH = 32


def physics_fit(source: ClipSource, tick: Callable[[], None]) -> Predictions:
    """Return the likeliest family of each clip and its forecast, from pixels; `tick` is called for each batch.

    Raises `DataError` for clips whose camera or path is not known.
    """
    recipe = source.recipe if isinstance(source, RecipeSource) else None
    if recipe is None or not isinstance(recipe, TrajectoryRecipe):
        raise DataError("a fit needs one sphere, its radius and the focal length, which are not known of these clips")
    view, names = view_of(recipe), tuple(family.name.lower() for family in Family)
    evidence: list[Evidence] = []
    for start in range(0, len(source), _BATCH):
        tick()
        rows = np.arange(start, min(start + _BATCH, len(source)))
        video = np.empty((len(rows), source.frames, 3, source.size_px, source.size_px), np.uint8)
        source.fill(rows, 0, video)
        evidence += [Evidence(view, names, None, None, None, one) for one in track(torch.from_numpy(video))]
    fits = fit_all(evidence)
    assert source.path is not None
    path, weights = source.path[:, source.frames :], np.stack([one.weights for one in fits])
    forecasts = np.stack([forecast(one) for one in fits])
    return Predictions(
        label=source.labels,
        guess=np.array([one.family for one in fits], np.int64),
        forecast=forecasts,
        path=path,
        class_loss=float(-np.log(weights[np.arange(len(fits)), source.labels].clip(1e-12)).mean()),
        pred_loss=float(np.square(forecasts - path).mean()),
        probabilities=weights.astype(np.float32),
    )
