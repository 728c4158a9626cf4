"""Detectors measured on scenes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from renderer.scenes import SceneRecipe
from renderer.video import render
from trainer.objects.detecting import Finder
from trainer.objects.detection_metrics import DetectionScores, Matches, match_detections
from trainer.objects.true_objects import true_objects


def detect_scenes(finder: Finder, recipe: SceneRecipe, tick: Callable[[], None] = lambda: None) -> list[Matches]:
    """Return what becomes of the boxes of every clip, unsure ones among them; `tick` is called after each."""
    willing, found = finder.at(finder.least), []
    for number, objects in enumerate(true_objects(recipe)):
        video = render(recipe.take(np.array([number])))[0]
        found.append(match_detections(objects, willing.detect(video)))
        tick()
    return found


def figures_of(scores: DetectionScores) -> dict[str, float]:
    """Return the figures by the names of the metrics; what there is none of is left out."""
    bands = {f"recall_visible_{name.replace(' ', '_')}": value for name, value in scores.recall_by_visible.items()}
    names = ("recall", "precision", "average_precision", "false_per_frame")
    figures = {name: float(getattr(scores, name)) for name in names} | bands
    return {name: value for name, value in figures.items() if np.isfinite(value)} | {"n": scores.objects}
