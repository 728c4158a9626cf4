"""comparison.png: accuracy with its interval, forecast error and training time of every row, the first on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.ticker import PercentFormatter

from trainer import plots
from trainer.analysis.comparison import Comparison
from trainer.analysis.entries import Entry
from trainer.plots import BLUE, INK, ORANGE, PURPLE, QUIET

_COLOURS = {"run": BLUE, "ensemble": PURPLE, "control": ORANGE, "reference": QUIET}
_NAME_LENGTH = 28


def draw(comparison: Comparison, path: Path) -> None:
    """Write the picture."""
    rows = [*comparison.entries, *comparison.controls]
    with plots.canvas(path, "Comparison on the test split", 10.5, 1.7 + 0.36 * len(rows)) as figure:
        accuracy, error, time = figure.subplots(1, 3, sharey=True)
        accuracy.set_title("Accuracy, 95 % interval")
        for place, entry in enumerate(rows):
            _accuracy(accuracy, place, entry)
            if entry.pred_mse:
                error.errorbar(
                    entry.pred_mse.mean, place, xerr=entry.pred_mse.deviation, fmt="o", color=_COLOURS[entry.kind]
                )
            if entry.train_s:
                time.barh(place, entry.train_s / 60, height=0.55, color=_COLOURS[entry.kind])
        accuracy.set_xlim(0, 1.02)
        accuracy.xaxis.set_major_formatter(PercentFormatter(1.0))
        error.set_title("MSE at t+5 (half-sides²)")
        error.set_xlim(left=0)
        time.set_title("Training, minutes")
        for axes, bars in ((accuracy, (0.7, 0.9)), (error, (0.05, 0.1))):
            for bar in bars:
                axes.axvline(bar, color=QUIET, linestyle=":", linewidth=1)
        accuracy.set_yticks(range(len(rows)), [_label(rank, entry) for rank, entry in enumerate(rows, 1)])
        accuracy.set_ylim(len(rows) - 0.5, -0.5)


def _accuracy(axes: Any, place: int, entry: Entry) -> None:
    if entry.accuracy is None:
        return
    if entry.interval:
        axes.hlines(place, *entry.interval, color=INK, linewidth=1.4)
    axes.plot(entry.accuracy.mean, place, "o", color=_COLOURS[entry.kind])


def _label(rank: int, entry: Entry) -> str:
    name = entry.name if len(entry.name) <= _NAME_LENGTH else entry.name[: _NAME_LENGTH - 1] + "…"
    if entry.kind in ("control", "reference"):
        return name
    return f"{rank}  {name}" + ("" if entry.has_skill else " (no skill)")
