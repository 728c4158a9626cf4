"""Curves as braille dots: eight dots a cell, one min-max bar a dot column, gaps stay gaps. Pure Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BITS = ((1, 2, 4, 64), (8, 16, 32, 128))
"""Bit of each of the four dots of a cell's left and right column, from above."""
STYLES: dict[str, str] = {"solid": "x", "dashed": "xxxxx...", "dotted": "x..", "dash-dot": "xxxxx..x.."}
"""Dots drawn and left out along a line: a second channel beside the colour."""
STYLE_ORDER = tuple(STYLES)
Points = tuple[Sequence[float], Sequence[float | None]]
Bars = dict[int, tuple[float, float]]

LIMIT = 1e300
"""Greater numbers are not drawn: their differences would be infinite."""


@dataclass(frozen=True)
class Window:
    """The part of the plane that is drawn."""

    x0: float
    x1: float
    y0: float
    y1: float


def drawable(value: float | None) -> bool:
    """False for what is missing: None, NaN, infinities, and numbers beyond `LIMIT`."""
    return value is not None and -LIMIT < value < LIMIT


def raster(
    curves: Sequence[Points], width: int, height: int, window: Window, styles: Sequence[str] = ()
) -> tuple[list[int], list[int]]:
    """Return (dots, owner) for `width` x `height` cells, row by row: dot bits, and the curve drawn last (-1: none).

    A curve without a name in `styles` has the style of its place.
    """
    dots, owner = [0] * (width * height), [-1] * (width * height)
    for index, (xs, ys) in enumerate(curves):
        style = styles[index] if index < len(styles) else STYLE_ORDER[index % len(STYLE_ORDER)]
        _draw(_columns(xs, ys, width, height, window), STYLES[style], index, width, height, dots, owner)
    return dots, owner


def _draw(
    bars: Bars, pattern: str, index: int, width: int, height: int, dots: list[int], owner: list[int]
) -> None:  # fmt: skip
    """Set the dots of a curve's bars. The pattern runs along the line, so that a steep part of it never vanishes."""
    bottom, period, phase, before = 4 * height - 1, len(pattern), 0, -2
    solid = period == 1
    for column in sorted(bars):
        low, high = bars[column]
        top, end = max(0, round(low)), min(bottom, round(high))
        if column != before + 1:
            phase = 0
            if top == end and column + 1 not in bars:
                _draw_point(column, top, index, width, bottom, dots, owner)
        for row in range(top, end + 1):
            if solid or pattern[(phase + row - top) % period] == "x":
                cell = (row >> 2) * width + (column >> 1)
                dots[cell] |= BITS[column & 1][row & 3]
                owner[cell] = index
        phase, before = phase + max(1, end - top), column


def _draw_point(column: int, row: int, index: int, width: int, bottom: int, dots: list[int], owner: list[int]) -> None:
    """A point between two gaps is four dots, so that it is seen."""
    for x in (column, column + 1 if column + 1 < 2 * width else column - 1):
        for y in (row, row + 1 if row < bottom else row - 1):
            cell = (y >> 2) * width + (x >> 1)
            dots[cell] |= BITS[x & 1][y & 3]
            owner[cell] = index


def _columns(xs: Sequence[float], ys: Sequence[float | None], width: int, height: int, window: Window) -> Bars:
    """One vertical bar (lowest, highest dot row) a dot column; points are joined, a missing value breaks the line."""
    right = 2 * width - 1
    per_x = right / ((window.x1 - window.x0) or 1.0)
    per_y = (4 * height - 1) / ((window.y1 - window.y0) or 1.0)
    bars: Bars = {}
    last: tuple[int, float] | None = None
    for x, y in zip(xs, ys, strict=False):
        if y is None or not -LIMIT < y < LIMIT:
            last = None
            continue
        column, row = int((x - window.x0) * per_x + 0.5), (window.y1 - y) * per_y
        if x < window.x0:
            column = min(column, -1)
        if last is not None and column > last[0] and column >= 0 and last[0] <= right:
            _join(bars, last, (column, row), right)
        if 0 <= column <= right:
            _widen(bars, column, row, row)
        last = (column, row)
    return bars


def _join(bars: Bars, start: tuple[int, float], end: tuple[int, float], right: int) -> None:
    """Draw the straight line between two points, split at the middle of each dot column that is in view."""
    steps = end[0] - start[0]
    slope = (end[1] - start[1]) / steps
    for column in range(max(0, start[0]), min(right, end[0]) + 1):
        left = start[1] + slope * max(0.0, column - start[0] - 0.5)
        after = start[1] + slope * min(float(steps), column - start[0] + 0.5)
        _widen(bars, column, min(left, after), max(left, after))


def _widen(bars: Bars, column: int, low: float, high: float) -> None:
    old = bars.get(column)
    bars[column] = (low, high) if old is None else (min(low, old[0]), max(high, old[1]))
