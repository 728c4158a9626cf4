"""A small chart as lines: legend, braille plot, one axis row. Ticks at 1-2-5 steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tui.format import Line, cut_line, pad_line
from tui.widgets.braille import Window, raster

MARKS = ("━━", "╌╌", "┄┄")
GUTTER = 6


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    name: str
    role: str
    xs: Sequence[float]
    ys: Sequence[float | None]


def ticks(low: float, high: float, at_most: int) -> list[float]:
    """At most `at_most` (and at least one) round numbers within low..high."""
    span = (high - low) or 1.0
    step = 10.0 ** math.floor(math.log10(span / max(1, at_most)))
    step *= next((many for many in (1, 2, 5) if span / (step * many) <= at_most), 10)
    first = math.ceil(low / step - 1e-9)
    return [step * (first + index) for index in range(math.floor(high / step + 1e-9) - first + 1)]


def tick_text(value: float) -> str:
    """A tick's label in at most five cells or so."""
    if value == 0:
        return "0"
    magnitude = abs(value)
    if magnitude >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if magnitude >= 1e4 else f"{value:.3g}"


def chart(curves: Sequence[Curve], width: int, height: int, *, title: str, x_name: str = "epoch") -> list[Line]:
    """Draw `curves` in `width` x `height` cells (at least 20 x 4). Without two points it says what it waits for.

    The same curves are drawn once: a screen is flushed several times between two points.
    """
    frozen = tuple(Curve(curve.name, curve.role, tuple(curve.xs), tuple(curve.ys)) for curve in curves)
    return list(_chart(frozen, width, height, title, x_name))


@lru_cache(maxsize=32)
def _chart(curves: tuple[Curve, ...], width: int, height: int, title: str, x_name: str) -> tuple[Line, ...]:
    known = [y for curve in curves for y in curve.ys if y is not None and math.isfinite(y)]
    xs = [x for curve in curves for x in curve.xs]
    if len(known) < 2 or min(xs) == max(xs):
        return (pad_line([(title, "bold")], width), pad_line([("waiting for two points", "dim")], width))
    low, high = min(known), max(known)
    margin = (high - low) * 0.04 or 0.5
    window = Window(min(xs), max(xs), low - margin, high + margin)
    rows = height - 2
    plot = _plot(curves, width - GUTTER - 1, rows, window)
    return (_legend(curves, title, width), *plot, _axis(window, width, x_name))


def _legend(curves: Sequence[Curve], title: str, width: int) -> Line:
    line: Line = [(title, "bold")]
    for curve, mark in zip(curves, MARKS, strict=False):
        line += [("  ", ""), (mark, curve.role), (" " + curve.name, "dim")]
    return pad_line(line, width)


def _plot(curves: Sequence[Curve], width: int, height: int, window: Window) -> list[Line]:
    dots, owner = raster([(curve.xs, curve.ys) for curve in curves], width, height, window)
    span = window.y1 - window.y0
    labels = {
        round((window.y1 - value) / span * (4 * height - 1)) >> 2: tick_text(value)
        for value in ticks(window.y0, window.y1, max(1, height // 2))
    }
    lines: list[Line] = []
    for row in range(height):
        label = labels.get(row, "")
        line: Line = [(label.rjust(GUTTER - 1)[-GUTTER:] + " ", "dim"), ("┤" if label else "│", "faint")]
        for column in range(width):
            cell = row * width + column
            text = chr(0x2800 + dots[cell]) if dots[cell] else " "
            role = curves[owner[cell]].role if owner[cell] >= 0 else ""
            if line[-1][1] == role and column:
                line[-1] = (line[-1][0] + text, role)
            else:
                line.append((text, role))
        lines.append(line)
    return lines


def _axis(window: Window, width: int, x_name: str) -> Line:
    """The x axis with its labels in one row: `└0────────2────────4── epoch`."""
    plot = width - GUTTER - 1
    cells = ["─"] * plot
    free = 0
    room = plot - len(x_name) - 2
    for value in ticks(window.x0, window.x1, max(1, plot // 10)):
        label = tick_text(value)
        at = round((value - window.x0) / (window.x1 - window.x0) * (plot - 1))
        start = max(0, min(at - len(label) // 2, plot - len(label)))
        if start < free or start + len(label) > room:
            continue
        cells[start : start + len(label)] = label
        free = start + len(label) + 1
    name = f" {x_name}"
    if plot > len(name) + 4:
        cells[plot - len(name) :] = name
    line: Line = [(" " * GUTTER, ""), ("└", "faint")]
    for cell in cells:
        role = "faint" if cell == "─" else "dim"
        line = [*line[:-1], (line[-1][0] + cell, role)] if line[-1][1] == role else [*line, (cell, role)]
    return cut_line(line, width)
