"""Curves as braille dots: eight dots a cell, one min-max bar a dot column, gaps stay gaps. Pure Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BITS = ((1, 2, 4, 64), (8, 16, 32, 128))
DASHES = (0, 3, 2)
"""Dot columns drawn and skipped for the 1st, 2nd, 3rd curve (0 = solid): a second channel beside the colour."""


@dataclass(frozen=True)
class Window:
    """The part of the plane that is drawn."""

    x0: float
    x1: float
    y0: float
    y1: float


def raster(
    curves: Sequence[tuple[Sequence[float], Sequence[float | None]]], width: int, height: int, window: Window
) -> tuple[list[int], list[int]]:
    """Return (dots, owner) for `width` x `height` cells, row by row: dot bits, and the curve drawn last (-1: none)."""
    dots, owner = [0] * (width * height), [-1] * (width * height)
    bottom = 4 * height - 1
    for index, (xs, ys) in enumerate(curves):
        dash = DASHES[index % len(DASHES)]
        for column, (low, high) in _columns(xs, ys, width, height, window).items():
            if dash and column // dash % 2:
                continue
            for row in range(max(0, round(low)), min(bottom, round(high)) + 1):
                cell = (row >> 2) * width + (column >> 1)
                dots[cell] |= BITS[column & 1][row & 3]
                owner[cell] = index
    return dots, owner


def _columns(
    xs: Sequence[float], ys: Sequence[float | None], width: int, height: int, window: Window
) -> dict[int, tuple[float, float]]:
    """One vertical bar (lowest, highest dot row) a dot column; points are joined, a missing value breaks the line."""
    per_x = (2 * width - 1) / ((window.x1 - window.x0) or 1.0)
    per_y = (4 * height - 1) / ((window.y1 - window.y0) or 1.0)
    bars: dict[int, tuple[float, float]] = {}
    last: tuple[int, float] | None = None
    for x, y in zip(xs, ys, strict=False):
        if y is None or not math.isfinite(y) or not window.x0 <= x <= window.x1:
            last = None
            continue
        column, row = int((x - window.x0) * per_x + 0.5), (window.y1 - y) * per_y
        if last is not None and column > last[0]:
            _join(bars, last, (column, row))
        _widen(bars, column, row, row)
        last = (column, row)
    return bars


def _join(bars: dict[int, tuple[float, float]], start: tuple[int, float], end: tuple[int, float]) -> None:
    """Draw the straight line between two points, split at the middle of each dot column."""
    steps = end[0] - start[0]
    slope = (end[1] - start[1]) / steps
    for column in range(start[0], end[0] + 1):
        left = start[1] + slope * max(0.0, column - start[0] - 0.5)
        right = start[1] + slope * min(float(steps), column - start[0] + 0.5)
        _widen(bars, column, min(left, right), max(left, right))


def _widen(bars: dict[int, tuple[float, float]], column: int, low: float, high: float) -> None:
    old = bars.get(column)
    bars[column] = (low, high) if old is None else (min(low, old[0]), max(high, old[1]))
