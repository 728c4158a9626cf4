"""The pictures that the training of a detector leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from renderer.recipe import Recipe
from renderer.scenes import SceneRecipe
from renderer.video import render
from trainer.objects.boxes import Boxes
from trainer.objects.detecting import Finder
from trainer.objects.true_objects import true_objects
from trainer.plots import BLUE, GREEN, ORANGE, VERMILION, canvas, scale_y

SHOWN = 4
"""Clips of each data set in a picture."""
_LOSSES = {"loss": VERMILION, "heat_loss": ORANGE, "offset_loss": BLUE, "size_loss": GREEN}


def draw_history(path: Path, history: Sequence[Mapping[str, float]], title: str) -> None:
    """Draw the loss with its parts, what the validation split shows, and the learning rate, over the epochs."""
    epochs = [row["epoch"] for row in history]
    with canvas(path, title, 10, 3.6) as figure:
        loss, shares, rate = figure.subplots(1, 3)

        def line(axes: Any, key: str, colour: str, style: str, label: str) -> list[float]:
            values = [row.get(key, math.nan) for row in history]
            axes.plot(epochs, values, style, color=colour, label=label, marker="o", markersize=3)
            return values

        drawn = line(loss, "val_loss", VERMILION, "-", "validation")
        for name, colour in _LOSSES.items():
            drawn += line(loss, f"train_{name}", colour, "--", f"training, {name.removesuffix('_loss')}")
        scale_y(loss, drawn)
        for name, colour in (("recall", VERMILION), ("precision", BLUE), ("average_precision", GREEN)):
            line(shares, f"val_{name}", colour, "-", name.replace("_", " "))
        shares.set_ylim(top=1.0)
        line(rate, "learning_rate", GREEN, "-", "")
        rate.set_ylim(bottom=0)
        titles = ("Loss a frame", "Validation, IoU 0.5", "Learning rate at the epoch's end")
        for axes, name in zip((loss, shares, rate), titles, strict=True):
            axes.set_title(name)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        loss.legend()
        shares.legend()


def draw_detections(path: Path, recipes: Mapping[str, Recipe], finder: Finder) -> None:
    """Draw the fullest frame of the first clips of each recipe: what is there, and what was found."""
    with canvas(path, "Detections: found, and in dashes what counts", 10, 2.7 * len(recipes)) as figure:
        grid = figure.subplots(len(recipes), SHOWN, squeeze=False)
        for line, (name, recipe) in zip(grid, recipes.items(), strict=True):
            assert isinstance(recipe, SceneRecipe)
            few = recipe.take(np.arange(min(SHOWN, len(recipe))))
            for axes in line:
                axes.set_axis_off()
            for axes, objects, video in zip(line, true_objects(few), render(few), strict=False):
                frame = int(objects.counts.sum(axis=0).argmax())
                axes.imshow(video[frame].transpose(1, 2, 0), extent=(0, video.shape[3], video.shape[2], 0))
                _boxes(axes, objects.boxes[objects.counts[:, frame], frame], GREEN, "--")
                _boxes(axes, finder.detect(video).boxes[frame], ORANGE, "-")
                axes.set_title(f"{name}, frame {frame + 1}")


def _boxes(axes: Any, boxes: Boxes, colour: str, style: str) -> None:
    for left, top, right, bottom in boxes:
        corner, width, height = (left, top), right - left, bottom - top
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linestyle=style, linewidth=1.2))
