"""Pictures of what two cameras saw: paths in the world with and without a filter, and the tracks of both views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from renderer.scenes import Persistence
from renderer.stereo import Pair
from renderer.video import render
from trainer.objects.end_to_end import confirmed
from trainer.objects.object_pictures import KIND_COLOURS
from trainer.objects.persistence_curve import Clip
from trainer.plots import BLUE, GREEN, VERMILION, canvas
from trainer.stereo.filters import Keep
from trainer.stereo.outcome import outcome
from trainer.stereo.scenes import Scene

SHOWN = 3
"""Scenes in a picture."""


def draw_paths(path: Path, scenes: Sequence[Scene], filters: Mapping[str, Keep], title: str) -> None:
    """Draw the true paths of persistent objects, and the smoothed points of each filter: a row a scene."""
    rows = scenes[:SHOWN]
    with canvas(path, f"{title}: green true, blue found, red spurious", 3.4 * len(filters),
                3.3 * len(rows)) as figure:  # fmt: skip
        for line, scene in enumerate(rows):
            for column, (name, keep) in enumerate(filters.items()):
                axes: Any = figure.add_subplot(len(rows), len(filters), line * len(filters) + column + 1,
                                               projection="3d")  # fmt: skip
                axes.set_title(f"filter: {name}")
                _paths(axes, scene, keep)


def _paths(axes: Any, scene: Scene, keep: Keep) -> None:
    objects = scene.views[0].objects
    there = objects.counts | scene.views[1].objects.counts
    for row in np.flatnonzero((objects.kinds == Persistence.PERSISTENT) & there.any(axis=1)):
        frames = np.flatnonzero(there[row])
        axes.plot(*scene.world[row, frames[0] : frames[-1] + 1].T, color=GREEN, linewidth=1.2)
    came = outcome(scene, keep)
    position = came.found.smoothed("kalman")
    axes.scatter(*position[came.persistent].T, color=BLUE, s=5, depthshade=False)
    axes.scatter(*position[~came.persistent].T, color=VERMILION, s=12, marker="x", depthshade=False)
    axes.set_box_aspect(None, zoom=0.9)  # or the outermost label is cut off
    for name in "xyz":
        getattr(axes, f"set_{name}lim")(-1.1, 1.1)
        getattr(axes, f"set_{name}ticks")([-1, 0, 1])
        getattr(axes, f"set_{name}label")(name)


def draw_views(path: Path, pair: Pair, scenes: Sequence[Scene], keep: Keep, title: str) -> None:
    """Draw the tracks of both views over the fullest frame; what the filter leaves is in the colour of persistence."""
    rows = scenes[:SHOWN]
    few = np.arange(len(rows))
    videos = [render(recipe.take(few)) for recipe in (pair.first, pair.second)]
    with canvas(path, f"{title}: green stays, red goes", 6.4, 3.1 * len(rows)) as figure:
        grid = figure.subplots(len(rows), 2, squeeze=False)
        for line, scene, *clips in zip(grid, rows, *videos, strict=True):
            both = sum((view.objects.counts.sum(axis=0) for view in scene.views), np.zeros(len(clips[0])))
            frame = int(both.argmax())
            for number, (axes, view, video) in enumerate(zip(line, scene.views, clips, strict=True), 1):
                axes.imshow(video[frame].transpose(1, 2, 0), extent=(0, video.shape[3], video.shape[2], 0))
                axes.set_title(f"camera {number}, frame {frame + 1}")
                axes.set_axis_off()
                _tracks(axes, view, keep)


def _tracks(axes: Any, view: Clip, keep: Keep) -> None:
    kept = keep(view)
    for track in confirmed(view):
        middle = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
        axes.plot(
            *middle.T, color=KIND_COLOURS[Persistence(int(kept[track.id]))], linewidth=1, marker=".", markersize=2
        )
