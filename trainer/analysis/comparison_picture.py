"""comparison.png: accuracy, error and skill of every row, the first on top; below them how the runs learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from trainer import plots
from trainer.analysis.comparison import Comparison
from trainer.analysis.entries import Entry, Spread
from trainer.analysis.standing import FULL_ACCURACY, FULL_MSE, GATE_ACCURACY, GATE_MSE
from trainer.plots import BLUE, GREEN, INK, ORANGE, PURPLE, QUIET, VERMILION

_SKY = "#56b4e9"
_LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_LOOKS = {
    "i3d": (BLUE, 0), "slowfast": (ORANGE, 1), "transformer": (GREEN, 2), "magvit": (PURPLE, 3),
    "keypoint": (VERMILION, 0), "statistical": (_SKY, 1), "hybrid": (INK, 2),
}  # fmt: skip
"""An extractor keeps its colour and its place in the line styles, whatever else is in the picture."""
_OTHER = (INK, 0)
_NAME_LENGTH = 26
_WIDE_RANGE = 100.0
"""From here on only the decades of a logarithmic axis have room for their numbers."""
_LEAST_SKILL = -1.0
"""What lies lower is drawn at the edge."""


@dataclass(frozen=True)
class Style:
    """How a row is drawn: one colour for an extractor, a line style for each of its configs."""

    colour: str
    line: Any = "-"
    marker: str = "o"


def styles(entries: Sequence[Entry]) -> list[Style]:
    """Return a style for each row; rows of one extractor differ in their line style."""
    used: Counter[str] = Counter()
    found = []
    for entry in entries:
        if entry.kind in ("control", "reference"):
            found.append(Style(QUIET, marker="s" if entry.kind == "control" else "D"))
            continue
        colour, first = _LOOKS.get(_extractor(entry), _OTHER)
        line = _LINES[(first + used[colour]) % len(_LINES)]
        found.append(Style(colour, line, "v" if entry.kind == "unfinished" else "o"))
        used[colour] += 1
    return found


def _extractor(entry: Entry) -> str:
    """The extractor that the row says, or that its name holds."""
    said = entry.runs[0].config.get("extractor") if entry.runs and entry.kind != "ensemble" else None
    return str(said or next((name for name in _LOOKS if name in entry.name), ""))


def draw(comparison: Comparison, path: Path) -> None:
    """Write the picture."""
    rows = comparison.rows
    learned = [entry for entry in rows if any(one.history for one in entry.runs) and entry.kind != "ensemble"]
    looks = styles(rows)
    top = 0.75 + 0.27 * len(rows)
    with plots.canvas(path, "Comparison of runs", 10, 0.5 + top + (3.4 if learned else 0)) as figure:
        parts: Any = figure.subfigures(1 + bool(learned), 1, height_ratios=(top, 3.4)[: 1 + bool(learned)])
        _figures(parts[0] if learned else parts, comparison, looks)
        if learned:
            _curves(parts[1], learned, [looks[rows.index(entry)] for entry in learned])


def _figures(figure: Any, comparison: Comparison, looks: Sequence[Style]) -> None:
    rows = comparison.rows
    panels = accuracy, error, gained = figure.subplots(1, 3, sharey=True)
    for place, (entry, look) in enumerate(zip(rows, looks, strict=True)):
        _accuracy(accuracy, place, entry, look)
        _spread(error, place, entry.pred_mse, look)
        _skill(gained, place, entry.skill, look)
    accuracy.set_title("Accuracy, 95 % interval")
    _stretch(accuracy)
    error.set_title("MSE at t+5 (half-sides²)")
    if any(entry.pred_mse for entry in rows):
        error.set_xscale("log")
        low, high = error.get_xlim()
        error.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _WIDE_RANGE * low else (1,)))
        error.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        error.xaxis.set_minor_locator(NullLocator())
    gained.set_title("Skill over the best control")
    gained.set_xlim(min(0.0, gained.get_xlim()[0]), 1.05)
    _bars(accuracy, {"gate": GATE_ACCURACY, "full": FULL_ACCURACY})
    _bars(error, {"full": FULL_MSE, "gate": GATE_MSE})
    _bars(gained, {"no skill": 0.0})
    if comparison.controls:
        for axes in panels:
            axes.axhline(len(rows) - len(comparison.controls) - 0.5, color=QUIET, linewidth=0.8)
    accuracy.set_yticks(range(len(rows)), [_label(comparison, entry) for entry in rows])
    accuracy.set_ylim(len(rows) - 0.5, -0.5)


def _stretch(axes: Any) -> None:
    """Scale an accuracy by the logarithm of what is wrong, so that 97 and 99 % lie apart; 100 % is on the axis too."""
    axes.set_xscale("function", functions=(lambda x: -np.log(1.01 - np.minimum(x, 1)), lambda y: 1.01 - np.exp(-y)))
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 0.7, 0.9, 0.97, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=""))
    axes.set_xlabel("%, stretched towards 100")


def _bars(axes: Any, bars: Mapping[str, float]) -> None:
    for name, bar in bars.items():
        axes.axvline(bar, color=QUIET, linestyle=":", linewidth=1.2, zorder=1)
        axes.annotate(
            name, (bar, 0), xycoords=axes.get_xaxis_transform(), xytext=(-2, 3), textcoords="offset points",
            rotation=90, ha="right", va="bottom", fontsize=7.5, color=QUIET,
        )  # fmt: skip


def _accuracy(axes: Any, place: int, entry: Entry, look: Style) -> None:
    if entry.accuracy is None:
        return
    if entry.interval:
        axes.hlines(place, *entry.interval, color=look.colour, linewidth=1.6)
    axes.plot(entry.accuracy.mean, place, look.marker, color=look.colour, markersize=5, clip_on=False)


def _spread(axes: Any, place: int, value: Spread | None, look: Style) -> None:
    if value:
        axes.errorbar(
            value.mean, place, xerr=value.deviation, fmt=look.marker, color=look.colour, markersize=5, elinewidth=1.6
        )


def _skill(axes: Any, place: int, value: Spread | None, look: Style) -> None:
    if value and value.mean < _LEAST_SKILL:
        axes.plot(_LEAST_SKILL, place, "<", color=look.colour)
    else:
        _spread(axes, place, value, look)


def _label(comparison: Comparison, entry: Entry) -> str:
    name = entry.name if len(entry.name) <= _NAME_LENGTH else entry.name[: _NAME_LENGTH - 1] + "…"
    if entry in comparison.entries:
        return f"{comparison.entries.index(entry) + 1}  {name}" + ("" if entry.has_skill else " (no skill)")
    return f"{name} (validation)" if entry.kind == "unfinished" else name


def _curves(figure: Any, entries: Sequence[Entry], looks: Sequence[Style]) -> None:
    """Draw every seed of every row, the label once a row."""
    axes = figure.subplots(1, 2)
    panels = zip(axes, (("val_loss", "Validation loss"), ("val_accuracy", "Validation accuracy")), strict=True)
    for panel, (key, title) in panels:
        drawn: list[float] = []
        for entry, look in zip(entries, looks, strict=True):
            for nth, one in enumerate(entry.runs):
                values = one.curve(key)
                label = entry.name if nth == 0 else None
                panel.plot(
                    one.curve("epoch"), values, linestyle=look.line, color=look.colour, linewidth=1.5, label=label
                )
                drawn += values[np.isfinite(values)].tolist()
        panel.set_title(title)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        if key == "val_loss":
            plots.scale_y(panel, drawn)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    axes[1].axhline(FULL_ACCURACY, color=QUIET, linestyle=":", linewidth=1.2)
    axes[1].legend(loc="lower right", ncols=1 + (len(entries) > 6))
