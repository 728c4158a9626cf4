"""A chart as lines: legend or readout, braille plot, one axis row. See `View` for what can be asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tui.format import Line, line_width, number, pad_line, spread, while_it_fits
from tui.widgets.braille import STYLE_ORDER, STYLES, Window, drawable
from tui.widgets.plot import Layer, Mark, axis_line, plot_lines
from tui.widgets.series import smoothed, thinned
from tui.widgets.ticks import axis_ticks

POINTS_DRAWN = 4096
"""Longer curves are thinned first: more than enough for every column of a wide screen."""
GUTTER_LEAST = 6
UNITS_S = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


@dataclass(frozen=True)
class Curve:
    """One line of a chart. The first curve of a chart is drawn last, over the others."""

    name: str
    role: str
    xs: Sequence[float]
    """Ascending."""
    ys: Sequence[float | None]
    """None or NaN is a gap."""
    style: str = ""
    """A name of `braille.STYLES`; '' = by its place in the chart."""


@dataclass(frozen=True)
class View:
    """How curves are looked at."""

    smoothing: float = 0.0
    """Weight of what went before, 0 (none) to below 1; the raw curve stays behind, faint."""
    log: bool = False
    """Logarithmic y axis: what is not above 0 has no place on it, which is said."""
    window: tuple[float, float] | None = None
    """Part of the x axis that is shown; an infinite end goes on with the data."""
    x: str = "epoch"
    """`step`, `epoch` or `time` (seconds): the name of the x axis."""
    cursor: float | None = None
    """Where a vertical line reads the nearest point of each curve."""
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What the cursor reads of one curve: its nearest point that has a value."""

    curve: Curve
    x: float
    raw: float
    shown: float
    """The smoothed value, the same as `raw` without smoothing."""


def chart(
    curves: Sequence[Curve], width: int, height: int, *, title: str, x_name: str = "", view: View | None = None
) -> list[Line]:
    """Draw `curves` in `width` x `height` cells (at least 20 x 4). Without two points it says what it waits for.

    The same curves are drawn once: a screen is flushed several times between two points.
    """
    frozen = []
    for curve in curves:
        xs, ys = thinned(curve.xs, curve.ys, POINTS_DRAWN)
        frozen.append(replace(curve, xs=tuple(xs), ys=tuple(ys)))
    view = view or View()
    return list(_chart(tuple(frozen), width, height, title, x_name or view.x, view))


def readings(curves: Sequence[Curve], view: View) -> list[Reading]:
    """What the cursor of `view` reads, in the order of the curves; [] without a cursor."""
    if view.cursor is None:
        return []
    out = []
    for curve in curves:
        known = [index for index, y in enumerate(curve.ys) if _can_show(y, log=view.log)]
        if known:
            at = min(known, key=lambda index: abs(curve.xs[index] - view.cursor))  # type: ignore[operator]
            raw = float(curve.ys[at])  # type: ignore[arg-type]
            shown = smoothed(curve.ys[: at + 1], view.smoothing)[-1] if view.smoothing else raw
            out.append(Reading(curve, curve.xs[at], raw, raw if shown is None else shown))
    return out


def _can_show(y: float | None, *, log: bool) -> bool:
    return y is not None and drawable(y) and (y > 0 or not log)


@lru_cache(maxsize=64)
def _chart(
    curves: tuple[Curve, ...], width: int, height: int, title: str, x_name: str, view: View
) -> tuple[Line, ...]:  # fmt: skip
    curves = tuple(
        curve if curve.style else replace(curve, style=STYLE_ORDER[index % len(STYLE_ORDER)])
        for index, curve in enumerate(curves)
    )
    layers = _layers(curves, view)
    # Of all of it a smooth curve stays within its raw one; it enters a part of it with what was before.
    window = _window(layers if view.window else layers[: len(curves)], view)
    if isinstance(window, str):
        return (pad_line([(title, "bold")], width), *(pad_line([(part, "dim")], width) for part in window.split("\n")))
    unit, x_name = _unit(window) if view.x == "time" else (1.0, x_name)
    rows = height - 2
    labels = dict(axis_ticks(window.y0, window.y1, rows, log=view.log))
    gutter = max(GUTTER_LEAST, *(len(label) + 1 for label in labels.values())) if labels else GUTTER_LEAST
    plot = plot_lines(layers, window, (width, rows), labels, gutter, view.marks, view.cursor)
    return (_legend(curves, title, width, view), *plot, axis_line(window, unit, width, gutter, x_name))


def _layers(curves: Sequence[Curve], view: View) -> list[Layer]:
    """What is drawn, in this order: raw curves, if there are smooth ones over them; the first curve comes last."""
    layers = [Layer(curve.xs, curve.ys, curve.role, curve.style) for curve in reversed(curves)]
    if view.smoothing:
        behind = [replace(layer, role="faint", style="dotted") for layer in layers]
        layers = [*behind, *(replace(layer, ys=smoothed(layer.ys, view.smoothing)) for layer in layers)]
    return [replace(layer, ys=[_log(y) for y in layer.ys]) for layer in layers] if view.log else layers


def _log(y: float | None) -> float | None:
    return math.log10(y) if y is not None and drawable(y) and y > 0 else None


def _window(layers: Sequence[Layer], view: View) -> Window | str:
    """The part that is drawn, or the words that stand in its place."""
    xs = [x for layer in layers for x in layer.xs]
    count = sum(y is not None and drawable(y) for layer in layers for y in layer.ys)
    if not count and xs:
        return "no value above 0 for a log scale\nL goes back" if view.log else "no finite value so far"
    if count < 2 or min(xs) == max(xs):
        return "waiting for two points"
    x0, x1 = min(xs), max(xs)
    if view.window is not None:
        x0, x1 = max(x0, view.window[0]), min(x1, view.window[1])
    shown = [
        y
        for layer in layers
        for x, y in zip(layer.xs, layer.ys, strict=False)
        if y is not None and x0 <= x <= x1 and drawable(y)
    ]
    if not shown or not x0 < x1:
        return "no value in this part\n0 shows all of it"
    low, high = min(shown), max(shown)
    margin = (high - low) * 0.04 or (0.5 if view.log else abs(high) * 0.1 or 0.5)
    return Window(x0, x1, low - margin, high + margin)


def _unit(window: Window) -> tuple[float, str]:
    """Unit of a time axis in seconds, and its name."""
    longest = max(abs(window.x0), abs(window.x1))
    return next(((size, word) for size, word in UNITS_S if longest >= 2 * size), (1.0, "s"))


def _legend(curves: Sequence[Curve], title: str, width: int, view: View) -> Line:
    """Title and names; with a cursor, what it reads. Curves that have no room are counted."""
    read = {reading.curve.name: reading for reading in readings(curves, view)}
    parts: list[Line] = []
    for curve in curves:
        part: Line = [(line_mark(curve.style), curve.role), ("" if curve.name == title else " " + curve.name, "dim")]
        if (reading := read.get(curve.name)) is not None:
            part.append((" " + number(reading.shown), "bold"))
            part.append((f" raw {number(reading.raw)}" if view.smoothing else "", "dim"))
        parts.append(part)
    hidden = sum(1 for curve in curves for y in curve.ys if view.log and y is not None and drawable(y) and y <= 0)
    note: Line = [(f"{hidden} not above 0 left out", "warn")] if hidden else []
    room = width - line_width([(title, "")]) - 2 - (line_width(note) + 2 if note else 0)
    named = while_it_fits(parts, room)
    count = sum(1 for text, _ in named if text in {line_mark(style) for style in STYLES})
    if count < len(parts):
        more = f"+{len(parts) - count}"
        named = [*while_it_fits(parts, room - len(more) - 2), ("  ", ""), (more, "dim")]
    return spread([(title, "bold"), ("  ", ""), *named], note, width)


def line_mark(style: str) -> str:
    """Four cells of a line in `style`, as the plot draws it."""
    pattern = STYLES[style]
    on = [pattern[column % len(pattern)] == "x" for column in range(8)]
    return "".join(chr(0x2800 + 4 * on[cell] + 32 * on[cell + 1]) for cell in (0, 2, 4, 6))
