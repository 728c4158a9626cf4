"""Evidence of clips: what a trained model answers, and the track of our own detector, from pixels alone.

How far such forecasts are from the truth is measured on the clips of its validation, never on those described.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.trajectories import TrajectoryRecipe
from trainer.data.batches import make_batches
from trainer.data.places import open_clips
from trainer.data.source import ClipSource, RecipeSource
from trainer.errors import DataError
from trainer.evaluate import evaluate
from trainer.language.evidence import Evidence, Floats, View
from trainer.language.observations import RADIUS_BIAS_PX
from trainer.memory import answer
from trainer.models.classical import track_brightest
from trainer.trained import Trained

OnBatch = Callable[[int, int], None]
"""Takes how many batches are done, and of how many; it may raise to end the work."""


@dataclass(frozen=True)
class Sample:
    """Clips to describe, and the recipe that their pixels are drawn from, for whoever judges the descriptions."""

    source: RecipeSource
    recipe: TrajectoryRecipe
    rows: NDArray[np.int64]
    """Their places in the split, (n,)."""


@dataclass(frozen=True)
class Gathered:
    """Everything that is known of some clips, and by whom it may be judged."""

    sample: Sample
    evidence: list[Evidence]
    notes: tuple[str, ...]
    """What a reader must know of the evidence."""

    @property
    def ceiling(self) -> list[Evidence]:
        """Evidence that a detector without error would have given."""
        return true_tracks(self.evidence, self.sample.recipe)


def gather(
    trained: Trained, source: ClipSource, place: str, count: int, on_batch: OnBatch,
    validation: ClipSource | None = None,
) -> Gathered:  # fmt: skip
    """Show `count` clips of a source (0: all) to the model and to the detector.

    `validation` is the split that the model was validated on; None: it is looked for where the run had it. Raises
    `DataError` for clips that cannot be described.
    """
    sample = sample_clips(source, place, count)
    deviation = forecast_deviation(trained, validation, on_batch)
    notes = trained.config.tasks.notes
    if deviation is None and trained.config.tasks.forecast:
        notes.append("how far such forecasts are from the truth is not known: the run's validation split has gone")
    return Gathered(sample, look(trained, sample, deviation, on_batch), tuple(notes))


def sample_clips(source: ClipSource, place: str, count: int) -> Sample:
    """Choose `count` clips (0: all), the classes as even as can be; of more clips, fewer ones are a part.

    Raises `DataError` for clips whose camera or path is not known: there is nothing to write in half-sides then.
    """
    recipe = source.recipe if isinstance(source, RecipeSource) else None
    if not isinstance(recipe, TrajectoryRecipe):
        what = "videos of a camera that is not known" if recipe is None else f"clips of {recipe.KIND}: no single path"
        raise DataError(
            f"{place} cannot be described: it holds {what}",
            hint="an equation needs the focal length and the size of the sphere: `trainer generate trajectories`",
        )
    rows = np.sort(_in_turns(recipe.label)[: count or None])
    chosen = recipe.take(rows)
    return Sample(RecipeSource(chosen), chosen, rows)


def _in_turns(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the rows in turns of the classes: the first clip of each, the second of each, ..."""
    turn = np.empty(len(labels), np.int64)
    for value in np.unique(labels):
        rows = np.flatnonzero(labels == value)
        turn[rows] = np.arange(len(rows))
    return np.lexsort((labels, turn))


def view_of(recipe: TrajectoryRecipe) -> View:
    """Return what is known of the camera and the clock."""
    window = recipe.window
    return View(recipe.focal_px, window.size_px, recipe.sphere_radius, window.frames, window.fps)


def forecast_deviation(trained: Trained, validation: ClipSource | None, on_batch: OnBatch) -> Floats | None:
    """Return the root mean square of the forecast's errors by step and axis, (5, 3), in half-sides.

    `validation` is the split that the model was validated on; None: it is looked for where the run had it. None comes
    back if the forecast is not trained, or that split is not to be had any more.
    """
    if not trained.config.tasks.forecast:
        return None
    source = validation or _validation_of(trained, on_batch)
    if source is None or source.path is None:
        return None
    batches = make_batches(trained.config, source, trained.device)
    predictions = evaluate(trained.model, batches, trained.device, on_batch)
    assert predictions.path is not None
    return np.asarray(np.sqrt(np.square(predictions.forecast - predictions.path).mean(axis=0)), np.float64)


def _validation_of(trained: Trained, on_batch: OnBatch) -> ClipSource | None:
    """Return the validation split of the data that the run was trained on; None if that has gone or changed."""
    config = trained.config
    if config.data and not Path(config.data).is_dir():
        return None
    try:
        clips = open_clips(config.data or config.tier, "validation", config, lambda: on_batch(0, 0))
    except DataError:
        return None
    return clips.source if clips.digest == trained.digest else None


def look(trained: Trained, sample: Sample, forecast_sd: Floats | None, on_batch: OnBatch) -> list[Evidence]:
    """Return the evidence of each clip: what a task that is not trained would say is left out."""
    view, tasks = view_of(sample.recipe), trained.config.tasks
    batches = make_batches(trained.config, sample.source, trained.device)
    every: list[Evidence] = []
    trained.model.eval()
    with torch.inference_mode():
        for index, batch in enumerate(batches.epoch(0), 1):
            video = batch.to(trained.device).video
            outputs = answer(trained.model, video)
            shares = outputs["classification"].double().softmax(dim=1).cpu().numpy() if tasks.classes else None
            forecasts = outputs["forecast"].double().cpu().numpy() if tasks.forecast else None
            tracks = track(video)
            for clip in range(len(tracks)):
                every.append(
                    Evidence(
                        view,
                        trained.class_names,
                        None if shares is None else shares[clip],
                        None if forecasts is None else forecasts[clip],
                        forecast_sd if tasks.forecast else None,
                        tracks[clip],
                    )
                )
            on_batch(index, len(batches))
    return every


def track(video: torch.Tensor) -> Floats:
    """Return u, v and radius in pixels of the brightest object of clips (B, T, 3, H, W) uint8, (B, T, 3)."""
    found = track_brightest(video.float() / 255)
    return np.asarray(torch.cat([found.place, found.radius[..., None]], dim=2).double().cpu().numpy(), np.float64)


def true_tracks(evidence: list[Evidence], recipe: TrajectoryRecipe) -> list[Evidence]:
    """Return what our detector would see without chance errors (its bias is known, and every fit takes it off), and
    nothing of the model: the ceiling of any describer.

    This alone is made of the truth: it is a reference beside the results, never one of them.
    """
    camera = recipe.camera_path(0, recipe.window.frames)
    radius = recipe.focal_px * recipe.sphere_radius / camera[..., 2:] + RADIUS_BIAS_PX
    tracks = np.concatenate([recipe.cameras.project(camera), radius], axis=2)
    return [
        replace(one, probabilities=None, forecast=None, forecast_sd=None, track=tracks[clip])
        for clip, one in enumerate(evidence)
    ]
