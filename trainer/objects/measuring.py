"""Trackers measured on boxes: the true ones, true ones spoiled as a detector would, and those of detectors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from renderer.catalogue import DATASETS, Wanted, make
from renderer.errors import RendererError
from renderer.scenes import SceneRecipe
from renderer.video import render
from trainer.data.dataset import load_dataset
from trainer.data.manifest import has_manifest
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError
from trainer.objects.detecting import Finder
from trainer.objects.detections import Detections
from trainer.objects.pairing import paired_frames
from trainer.objects.perturbed import perturbed_detections, true_detections
from trainer.objects.tracker import IoUTracker
from trainer.objects.tracking_metrics import TrackingScores, count_tracking, tracking_scores
from trainer.objects.true_objects import TrueObjects, true_objects

BOXES = ("truth", "perturbed")
"""Boxes that need no detector."""


def open_scenes(place: str, split: str, clips: int, seed: int, clutter: int = 0) -> SceneRecipe:
    """Return the clips of a split of a data set's folder, or `clips` newly drawn ones of a tier of `objects`, each with
    so many shapes of clutter.

    Raises `ConfigError` for a place without objects, `DataError` for a data set that cannot be loaded.
    """
    if place in DATASETS["objects"].tiers and not has_manifest(Path(place)):
        try:
            frames = DATASETS["objects"].frames[0]
            recipe = make(Wanted("objects", place, clips, seed, frames=frames, clutter=clutter)).recipe
        except RendererError as exc:
            raise ConfigError(str(exc), hint=exc.hint) from exc
    elif has_manifest(Path(place)):
        if split not in SPLITS:
            raise ConfigError(f"no split {split!r}", hint=f"known: {', '.join(SPLITS)}")
        recipe = load_dataset(Path(place)).split(split)
    else:
        tiers = ", ".join(DATASETS["objects"].tiers)
        raise ConfigError(f"{place}: no data set there, and no tier of objects has this name",
                          hint=f"`trainer generate objects` makes one; tiers: {tiers}")  # fmt: skip
    if not isinstance(recipe, SceneRecipe):
        raise ConfigError(f"{place} holds {recipe.KIND}, whose clips have one object each: nothing is confused there",
                          hint="objects and persistence can be tracked")  # fmt: skip
    return recipe


def detections_of(objects: TrueObjects, boxes: str, seed: int, clip: int, picture_px: float) -> Detections:
    """Return the boxes of one clip; spoiled ones are those of its number and the seed alone."""
    if boxes == "truth":
        return true_detections(objects)
    return perturbed_detections(objects, np.random.default_rng((seed, clip)), picture_px=picture_px)


def measure(recipe: SceneRecipe, trackers: Sequence[IoUTracker], boxes: str | Finder, seed: int,
            tick: Callable[[], None] = lambda: None) -> list[TrackingScores]:  # fmt: skip
    """Return the figures of each tracker on all clips of a recipe; `tick` is called after each clip. `boxes` is one of
    `BOXES`, or a detector, which sees the pixels.
    """
    counts = []
    for number, objects in enumerate(true_objects(recipe)):
        if isinstance(boxes, str):
            found = detections_of(objects, boxes, seed, number, recipe.window.size_px)
        else:
            found = boxes.detect(render(recipe.take(np.array([number])))[0])
        counts.append([count_tracking(paired_frames(objects, tracker.track(found))) for tracker in trackers])
        tick()
    return [tracking_scores(reduce(operator.add, each)) for each in zip(*counts, strict=True)]
