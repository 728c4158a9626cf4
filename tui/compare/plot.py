"""One plot of a picture: frame, round ticks, and each curve in its colour and line style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Protocol

from tui.widgets.braille import STYLES, drawable
from tui.widgets.chart import UNITS_S, Curve
from tui.widgets.series import thinned
from tui.widgets.ticks import tick_text

POINTS_DRAWN = 2000
GRID, FRAME, TEXT, QUIET = "#e3e6ea", "#aab3bf", "#1e2430", "#586372"
DASH_PX = 3.0
GUTTER, HEAD, FOOT = 62.0, 34.0, 26.0
Place = tuple[float, float]


class PenLike(Protocol):
    """What draws (`tui.compare.picture.Pen`)."""

    def write(
        self, x: float, y: float, text: str, ink: str, *, size: int = ..., right: bool = ..., width: float = ...
    ) -> None: ...
    def width(self, text: str, size: int = ...) -> float: ...
    def line(self, points: Sequence[Place], ink: str, width: float) -> None: ...
    def dot(self, x: float, y: float, ink: str, radius: float = ...) -> None: ...


@dataclass(frozen=True)
class Box:
    """Where something is drawn, in pixels of the finished picture."""

    x: float
    y: float
    width: float
    height: float


def draw_plot(
    pen: PenLike, box: Box, curves: Sequence[Curve], inks: Mapping[str, str], *, title: str, axis: str
) -> None:
    """Draw the curves of one metric, the first one last; `inks` has the colour of each by name."""
    pen.write(box.x, box.y, title, TEXT, size=18)
    inner = Box(box.x + GUTTER, box.y + HEAD, box.width - GUTTER, box.height - HEAD - FOOT)
    pieces = {curve.name: list(_pieces(curve)) for curve in curves}
    known = [point for lines in pieces.values() for line in lines for point in line]
    if len({x for x, _ in known}) < 2:
        pen.write(inner.x, inner.y, "no two points yet", QUIET)
        return
    left, right = min(x for x, _ in known), max(x for x, _ in known)
    low, high = min(y for _, y in known), max(y for _, y in known)
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    low, high = low - margin, high + margin

    def place(point: Place) -> Place:
        x = inner.x + (point[0] - left) / (right - left) * inner.width
        return x, inner.y + (high - point[1]) / (high - low) * inner.height

    unit, word = _unit(right - left) if axis == "time" else (1.0, axis)
    for value, text in nice_ticks(low, high, 6):
        y = place((left, value))[1]
        pen.line([(inner.x, y), (inner.x + inner.width, y)], GRID, 1)
        pen.write(inner.x - 8, y - 9, text, QUIET, size=14, right=True)
    for value, text in nice_ticks(left / unit, right / unit, 8):
        x = place((value * unit, low))[0]
        pen.line([(x, inner.y + inner.height), (x, inner.y + inner.height + 5)], FRAME, 1)
        pen.write(x - pen.width(text, 14) / 2, inner.y + inner.height + 8, text, QUIET, size=14)
    pen.write(inner.x + inner.width, inner.y - 22, f"by {word}", QUIET, size=14, right=True)
    pen.line([(inner.x, inner.y), (inner.x, inner.y + inner.height), (inner.x + inner.width, inner.y + inner.height)],
             FRAME, 1)  # fmt: skip
    for curve in reversed(curves):
        for line in pieces[curve.name]:
            draw_dashed(pen, [place(point) for point in line], inks[curve.name], curve.style)


def nice_ticks(low: float, high: float, at_most: int) -> list[tuple[float, str]]:
    """Round numbers (1-2-5) within low..high, at most about so many, with their labels."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / at_most))
    step = power * next(many for many in (1, 2, 5, 10) if span / (power * many) <= at_most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    biggest = max(abs(low), abs(high))
    return [(step * place, tick_text(step * place, step, biggest)) for place in range(first, last + 1)]


def draw_dashed(pen: PenLike, points: Sequence[Place], ink: str, style: str) -> None:
    """Draw a line in a style of `braille.STYLES`; the pattern runs along the line. One point is a dot."""
    if len(points) == 1:
        pen.dot(*points[0], ink)
        return
    dashes = [(sign == "x", len(list(run)) * DASH_PX) for sign, run in groupby(STYLES.get(style, "x"))]
    if len(dashes) == 1:
        pen.line(points, ink, 2)
        return
    at, left = 0, dashes[0][1]
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while done < length:
            step = min(left, length - done)
            if dashes[at][0]:
                pen.line([_between(start, end, done / length), _between(start, end, (done + step) / length)], ink, 2)
            done, left = done + step, left - step
            if left <= 1e-9:
                at = (at + 1) % len(dashes)
                left = dashes[at][1]


def _between(start: Place, end: Place, share: float) -> Place:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _pieces(curve: Curve) -> Iterator[list[Place]]:
    """The curve between its gaps."""
    xs, ys = thinned(curve.xs, curve.ys, POINTS_DRAWN)
    for is_there, points in groupby(zip(xs, ys, strict=True), key=lambda point: drawable(point[1])):
        if is_there:
            yield [(x, float(y)) for x, y in points if y is not None]


def _unit(span_s: float) -> tuple[float, str]:
    return next(((size, word) for size, word in UNITS_S if span_s >= 2 * size), (1.0, "s"))
