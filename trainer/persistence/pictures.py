"""The pictures that a run of `persistence` leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from renderer.parts import ClipKind
from renderer.persistence import PersistenceRecipe
from renderer.video import render
from trainer.persistence.figures import Scored
from trainer.persistence.observed import stacked
from trainer.persistence.pipeline import ModularTrackingPipeline
from trainer.persistence.watched import TRACKS, Seen, WatchedClips
from trainer.plots import BLUE, GREEN, ORANGE, QUIET, VERMILION, canvas, scale_y

ATTENTION_NAME, SCORES_NAME, SAMPLES_NAME = "attention.png", "scores.png", "samples.png"
EACH = 4
"""Clips of each kind in a picture."""
SHOWN_FRAMES = 6


def draw_history(path: Path, history: Sequence[Mapping[str, float]], title: str) -> None:
    """Draw loss, accuracy with F1, and learning rate over the epochs."""
    epochs = [row["epoch"] for row in history]
    panels = {
        "Loss": (("train_loss", BLUE, "--", "training"), ("val_loss", VERMILION, "-", "validation")),
        "Right": (
            ("train_accuracy", BLUE, "--", "training"),
            ("val_accuracy", VERMILION, "-", "validation"),
            ("val_f1", ORANGE, "-", "validation, F1"),
        ),
        "Learning rate at the epoch's end": (("learning_rate", GREEN, "-", ""),),
    }
    with canvas(path, title, 10, 3.6) as figure:
        for axes, (name, curves) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            drawn: list[float] = []
            for key, colour, style, label in curves:
                values = [row.get(key, math.nan) for row in history]
                axes.plot(epochs, values, style, color=colour, label=label, marker="o", markersize=3)
                drawn += values
            axes.set_title(name)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if name == "Loss":
                scale_y(axes, drawn)
            if len(curves) > 1:
                axes.legend()


@dataclass(frozen=True)
class _Shown:
    """A clip of a picture."""

    kind: ClipKind
    row: int
    score: float
    seen: Seen


def draw_tested(
    folder: Path, pipeline: ModularTrackingPipeline, watched: WatchedClips, recipe: PersistenceRecipe, scored: Scored
) -> None:
    """Draw attention, scores and samples of a test split into a folder."""
    shown = []
    for kind in ClipKind:
        rows = np.flatnonzero(recipe.label == kind)[:EACH]
        clips = zip(rows.tolist(), watched.seen(rows), strict=True)
        shown += [_Shown(kind, row, float(scored.score[row]), seen) for row, seen in clips]
    draw_attention(folder / ATTENTION_NAME, pipeline, shown)
    draw_scores(folder / SCORES_NAME, scored, recipe.label)
    draw_samples(folder / SAMPLES_NAME, recipe, shown)


def attention_of(pipeline: ModularTrackingPipeline, seen: Seen) -> tuple[int, NDArray[np.float32]]:
    """Return the deciding track of a clip, and what its frames attend to, heads and layers averaged, (T, T); -1 and
    zeros in a clip without tracks.
    """
    device = next(pipeline.parameters()).device
    observed = stacked([(seen.numbers, seen.crops)], TRACKS).to(device)
    frames = seen.numbers.shape[1]
    with torch.inference_mode():
        deciding = int(pipeline(observed)["deciding"])
        if deciding < 0:
            return deciding, np.zeros((frames, frames), np.float32)
        return deciding, pipeline.attention(observed)[:, deciding].mean(dim=(0, 1)).cpu().numpy()


def draw_attention(path: Path, pipeline: ModularTrackingPipeline, shown: Sequence[_Shown]) -> None:
    """Draw what each frame of the deciding track attends to, and below in which frames that track was seen."""
    with canvas(path, "Attention of the deciding track: each row is a frame and sums to 1", 10, 11) as figure:
        grid = figure.subplots(len(ClipKind), EACH, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for place, one in enumerate(shown):
            axes = grid[one.kind, sum(before.kind == one.kind for before in shown[:place])]
            deciding, weights = attention_of(pipeline, one.seen)
            axes.set_axis_on()
            axes.grid(False)
            axes.imshow(weights, cmap="viridis", vmin=0)
            if deciding >= 0:
                track = one.seen.tracks[deciding]
                axes.plot(track.frames, np.full(len(track), len(weights) + 0.3), "|", color=VERMILION, markersize=5)
            axes.set_ylim(len(weights) + 1, -0.5)
            axes.set_title(f"{one.kind.name.lower()}: {one.score:.2f}")
        figure.text(0.012, 0.002, "red: frames in which that track was seen", color=VERMILION, fontsize=8.5)


def draw_scores(path: Path, scored: Scored, kind: NDArray[np.integer]) -> None:
    """Draw the distribution of the log odds for persistent and transient clips with their effect size, and by kind."""
    odds = np.log(np.clip(scored.score, 1e-6, 1 - 1e-6) / np.clip(1 - scored.score, 1e-6, 1))
    edges = np.linspace(odds.min() - 1e-6, odds.max() + 1e-6, 31)
    with canvas(path, "Scores of the test split", 10, 3.6) as figure:
        both, kinds = figure.subplots(1, 2)
        for label, name, colour in ((1, "persistent", VERMILION), (0, "transient", BLUE)):
            both.hist(odds[scored.label == label], edges, color=colour, alpha=0.6, label=name)
        both.axvline(0, color=QUIET, linestyle=":", linewidth=1)
        both.set_title(f"Log odds of being persistent; {_effect(odds, scored.label)}")
        both.legend()
        named = [(one.name.lower(), odds[kind == one]) for one in ClipKind if (kind == one).any()]
        kinds.boxplot([values for _, values in named], tick_labels=[name for name, _ in named], showfliers=False)
        kinds.axhline(0, color=QUIET, linestyle=":", linewidth=1)
        kinds.set_title("Log odds by kind of clip")


def _effect(odds: NDArray[np.float64], label: NDArray[np.int64]) -> str:
    return f"Cohen's d {cohens_d(odds[label == 1], odds[label == 0]):.2f}" if 0 < label.sum() < len(label) else ""


def cohens_d(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the difference of two means in pooled standard deviations (Cohen 1988); NaN where there is no spread."""
    count = len(one) + len(other) - 2
    pooled = (one.var() * len(one) + other.var() * len(other)) / max(count, 1)
    return float((one.mean() - other.mean()) / math.sqrt(pooled)) if pooled > 0 else math.nan


def draw_samples(path: Path, recipe: PersistenceRecipe, shown: Sequence[_Shown]) -> None:
    """Draw frames of the first clips of each kind with the track that is longest."""
    first = [one for place, one in enumerate(shown) if one.kind not in {before.kind for before in shown[:place]}]
    with canvas(path, "Clips of each kind, with their longest track", 10, 1.9 * len(first) + 0.5) as figure:
        _draw_rows(figure, recipe, first)


def _draw_rows(figure: Figure, recipe: PersistenceRecipe, shown: Sequence[_Shown]) -> None:
    frames = np.linspace(0, recipe.window.frames - 1, SHOWN_FRAMES).round().astype(int)
    for line, one in zip(figure.subplots(len(shown), SHOWN_FRAMES, squeeze=False), shown, strict=True):
        video = render(recipe.take(np.array([one.row])))[0]
        for axes, frame in zip(line, frames.tolist(), strict=True):
            axes.set_axis_off()
            axes.imshow(video[frame].transpose(1, 2, 0), extent=(0, video.shape[3], video.shape[2], 0))
            axes.set_title(f"{one.kind.name.lower()} {one.score:.2f}" if not frame else f"frame {frame + 1}")
            for track in one.seen.tracks[:1]:
                for left, top, right, bottom in track.boxes[track.frames == frame]:
                    box = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=ORANGE)
                    axes.add_patch(box)
