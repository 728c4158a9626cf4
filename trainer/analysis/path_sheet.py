"""predicted_paths.png: the true path of a dozen clips beside what the model forecast, the worst and typical ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import plots
from trainer.analysis.analysis import Analysis
from trainer.analysis.predictions import PREDICTIONS_NAME, StoredPredictions, read_predictions
from trainer.errors import DataError
from trainer.plots import BLUE, INK, VERMILION

CLIPS = 6
"""Of each kind."""
MARGIN = 1.1
View = tuple[int, int, str]
VIEWS: tuple[View, ...] = ((0, 1, "y, down"), (0, 2, "z, away"))
"""Axis across, axis up and its name: as the camera sees it, and from above."""
STYLES = (("seen", BLUE, ".-"), ("true future", INK, ".-"), ("forecast", VERMILION, ".--"))
Floats = NDArray[np.float32]
Lines = list[Floats]
"""(n, k, 3) each, as `STYLES` names them."""


def predicted_paths(analysis: Analysis, path: Path) -> bool:
    """Draw the clips of largest error at t+5, and those around the median, in two views and one scale."""
    try:
        said = read_predictions(analysis.results.folder / PREDICTIONS_NAME)
    except DataError:
        return False
    if said.forecast is None or said.path is None or said.seen is None:
        return False
    error = np.sqrt(((said.forecast[:, -1] - said.path[:, -1]) ** 2).sum(axis=1))
    last = said.seen[:, -1:]
    lines = [said.seen, np.concatenate([last, said.path], axis=1), np.concatenate([last, said.forecast], axis=1)]
    kinds = {"worst": worst(error), "typical": typical(error)}
    side = MARGIN * max(_extent(lines, clip).max() for clips in kinds.values() for clip in clips)
    title = f"{analysis.results.name}: true paths and forecasts, camera frame (half-sides)"
    with plots.canvas(path, title, 11.4, 9.2) as figure:
        rows = iter(figure.subplots(len(kinds) * len(VIEWS), 1))
        for kind, clips in kinds.items():
            for place, view in enumerate(VIEWS):
                axes = next(rows)
                _draw_row(axes, lines, clips, view, side)
                if not place:
                    labels = [
                        f"{_words(said, clip, analysis.results.class_names)}\n{error[clip]:.3f}" for clip in clips
                    ]
                    _label_row(axes, f"{kind}, by error at t+5", labels, side)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=len(lines))
    return True


def worst(error: Floats) -> list[int]:
    """Return the clips of largest error, the largest first."""
    return [int(clip) for clip in np.argsort(-error, kind="stable")[:CLIPS]]


def typical(error: Floats) -> list[int]:
    """Return the clips whose error is nearest to the median."""
    return [int(clip) for clip in np.argsort(abs(error - np.median(error)), kind="stable")[:CLIPS]]


def _words(said: StoredPredictions, clip: int, names: tuple[str, ...]) -> str:
    """Return the true class of a clip, and the one that was said if it is another."""
    true = int(said.label[clip])
    guess = true if said.probabilities is None else int(said.probabilities[clip].argmax())
    return names[true] + ("" if guess == true else f", said {names[guess]}")


def _extent(lines: Lines, clip: int) -> Floats:
    return np.asarray(np.ptp(np.concatenate([line[clip] for line in lines]), axis=0))


def _draw_row(axes: Any, lines: Lines, clips: list[int], view: View, side: float) -> None:
    """Draw one view of some clips side by side, each around the middle of its own square of `side`."""
    across, up, words = view
    everything = np.concatenate(lines, axis=1)
    middle = (everything.max(axis=1) + everything.min(axis=1)) / 2
    for line, (label, colour, style) in zip(lines, STYLES, strict=True):
        shown = line[clips] - middle[clips, None]
        shown[..., across] += side * np.arange(len(clips))[:, None]
        # One line with gaps: a plot for each clip would take five times as long.
        gapped = np.concatenate([shown, np.full_like(shown[:, :1], np.nan)], axis=1).reshape(-1, shown.shape[2])
        axes.plot(gapped[:, across], gapped[:, up], style, color=colour, linewidth=1.3, markersize=4, label=label)
    axes.set_xlim(-side / 2, (len(clips) - 0.5) * side)
    axes.set_ylim(*((side / 2, -side / 2) if "down" in words else (-side / 2, side / 2)))
    axes.set_aspect("equal")
    axes.set_xticks(side * (np.arange(len(clips) - 1) + 0.5), [])
    axes.set_ylabel(words)


def _label_row(axes: Any, title: str, labels: list[str], side: float) -> None:
    axes.set_title(title, pad=30)
    for place, label in enumerate(labels):
        axes.annotate(label, (place * side, 1.03), xycoords=("data", "axes fraction"), ha="center", fontsize=8.5)
