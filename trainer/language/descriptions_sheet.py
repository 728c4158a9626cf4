"""descriptions.png: some clips, each with all that moved in it in one picture, under the path that was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from renderer.equations import evaluate
from renderer.errors import EquationError
from trainer import plots
from trainer.language.evidence import Floats, View
from trainer.language.observations import HORIZON
from trainer.language.reading import read_equation
from trainer.plots import INK, ORANGE, QUIET, VERMILION

COLUMNS, ROWS = 4, 3
PANELS = COLUMNS * ROWS
MARKED = {"family": "family", "parameters": "parameters", "rmse": "RMSE"}


def draw_sheet(
    path: Path, clips: Sequence[Mapping[str, Any]], videos: NDArray[np.uint8], view: View, title: str
) -> None:
    """Draw clips as descriptions.json has them, up to `PANELS`, with their pictures (n, T, 3, H, W)."""
    shown = clips[:PANELS]
    rows = -(-len(shown) // COLUMNS)
    with plots.canvas(path, title, 10.4, 2.95 * rows + 0.8) as figure:
        places = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
        for axes in places:
            axes.axis("off")
        for axes, clip, video in zip(places, shown, videos, strict=False):
            _draw(axes, clip, video, view)
        figure.legend(handles=_legend(), loc="outside lower left", ncols=3)


def written_path(equation: str, view: View) -> Floats | None:
    """Return where an equation has the object in the T + 5 frames, in pixels (T + 5, 2); None if it cannot be read, or
    is behind the camera somewhere.
    """
    try:
        camera = evaluate(read_equation(equation), np.arange(view.frames + HORIZON) / view.fps)
    except EquationError:
        return None
    if (camera[:, 2] <= 0).any():
        return None
    return np.asarray(camera[:, :2] / camera[:, 2:] * view.focal_px + view.size_px / 2)


def _draw(axes: Any, clip: Mapping[str, Any], video: NDArray[np.uint8], view: View) -> None:
    """Draw all frames in one, the brightest of each pixel, under the path."""
    axes.imshow(
        video.max(axis=0).transpose(1, 2, 0), extent=(0, view.size_px, view.size_px, 0), interpolation="nearest"
    )
    if clip["track"] is not None:
        across, down, _ = np.transpose(clip["track"])
        axes.plot(across, down, "+", color="black", markersize=4, markeredgewidth=0.7, zorder=3)
    if (path := written_path(clip["equation"], view)) is not None:
        seen, future = path[: view.frames], path[view.frames - 1 :]
        axes.plot(*seen.T, "-", color=ORANGE, linewidth=1.6)
        axes.plot(*future.T, ".:", color=VERMILION, linewidth=1.6, markersize=4)
    axes.set_xlim(0, view.size_px)
    axes.set_ylim(view.size_px, 0)
    scores, true = clip["scores"], clip["truth"]["family"]
    said = scores["said"] or "nothing readable"
    axes.set_title(said if said == true else f"{said} (is {true})", pad=15, fontsize=9.5)
    marks = "   ".join(f"{name} {'✓' if scores[key] else '✗'}" for key, name in MARKED.items())
    good = all(scores[key] for key in MARKED)
    axes.annotate(marks, (0, 1.025), xycoords="axes fraction", fontsize=8, color=QUIET if good else INK)


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color="black", marker="+", linestyle="", markersize=5, label="seen by the detector"),
        Line2D([], [], color=ORANGE, linewidth=1.6, label="written: the seen frames"),
        Line2D([], [], color=VERMILION, linestyle=":", marker=".", label="written: the five to come"),
    ]
