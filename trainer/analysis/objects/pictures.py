"""The pictures of the page."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from trainer.analysis.entries import Entry
from trainer.analysis.objects.attention import RATIO
from trainer.analysis.objects.deciding import FRAMES, grouped
from trainer.analysis.objects.finding import detectors
from trainer.analysis.objects.measured import BAYES, OWN, Measured
from trainer.plots import BLUE, GREEN, INK, ORANGE, PURPLE, QUIET, VERMILION, canvas, scale_y

_RULES = {"hits >= h": (BLUE, "--"), "born at 0": (QUIET, "-."), "longest": (PURPLE, "-."), BAYES: (INK, ":")}
_NETWORKS = (VERMILION, ORANGE, GREEN, PURPLE)
MOST_PANELS, ACROSS = 6, 3
DETECTIONS = "detections.png"


def draw(entries: Sequence[Entry], found: Sequence[Measured], page: Path) -> dict[str, str]:
    """Draw beside the page what there is; return the names of the pictures by what they show."""
    drawn = {}
    for what, done in (
        ("curve", _curves(_beside(page, "curve"), found)),
        ("attention", _attention(_beside(page, "attention"), entries)),
        ("detections", _detections(_beside(page, "detections"), entries)),
    ):
        if done:
            drawn[what] = _beside(page, what).name
    return drawn


def _beside(page: Path, what: str) -> Path:
    return page.with_name(f"{page.stem}-{what}.png")


def _curves(path: Path, found: Sequence[Measured]) -> bool:
    """Draw balanced accuracy of objects over the frames seen, a panel for each kind of data and boxes."""
    groups = grouped(found)[:MOST_PANELS]
    if not groups:
        return False
    across = min(ACROSS, len(groups))
    down = -(-len(groups) // across)
    with canvas(path, "Does it persist? Objects, by the frames seen", 4.2 * max(2, across), 4.2 * down) as figure:
        grid = figure.subplots(down, across, sharey=True, squeeze=False)
        for axes in grid.flat[len(groups) :]:
            axes.set_axis_off()
        for axes, group in zip(grid.flat, groups, strict=False):
            lines = [(one, OWN, one.entry.name, (_NETWORKS[number % len(_NETWORKS)], "-"))
                     for number, one in enumerate(group)]  # fmt: skip
            lines += [(group[0], who, who, style) for who, style in _RULES.items()]
            for one, who, label, (colour, line) in lines:
                curve = one.curve("objects", who)
                if curve is not None and len(curve) == len(FRAMES):
                    axes.plot(np.arange(len(FRAMES)), curve, line, color=colour, label=label, marker="o", markersize=3)
            axes.set_xticks(np.arange(len(FRAMES)), FRAMES)
            axes.set_title(f"{group[0].data}, boxes: {group[0].boxes}")
            axes.set_xlabel("frames seen")
            axes.legend()
        for axes in grid[:, 0]:
            axes.set_ylabel("balanced accuracy")
    return True


def _attention(path: Path, entries: Sequence[Entry]) -> bool:
    """Draw the median attention ratio of validation by epoch, a line for each run."""
    known = [one for one in entries if any(run.has("attention_ratio") for run in one.runs)]
    if not known:
        return False
    with canvas(path, "Attention on what persists, over that on what does not, by epoch", 8, 4) as figure:
        axes, every = figure.subplots(), [1.0, RATIO[0]]
        for number, entry in enumerate(known):
            for place, run in enumerate(entry.runs):
                values = run.curve("attention_ratio")
                every += [value for value in values if math.isfinite(value)]
                axes.plot(run.curve("epoch"), values, color=_NETWORKS[number % len(_NETWORKS)], linewidth=1.4,
                          label=entry.name if not place else None)  # fmt: skip
        for height, line in ((1.0, ":"), (RATIO[0], "--")):
            axes.axhline(height, color=QUIET, linestyle=line, linewidth=1)
        scale_y(axes, every)
        axes.set_xlabel("epoch")
        axes.set_ylabel("ratio, median of validation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return True


def _detections(path: Path, entries: Sequence[Entry]) -> bool:
    """Put the picture of the first detector that left one beside the page."""
    for entry in detectors(entries):
        for run in entry.runs:
            picture = run.folder / DETECTIONS
            if picture.is_file():
                shutil.copyfile(picture, path)
                return True
    return False
