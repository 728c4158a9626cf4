"""A chart as lines: legend or readout, braille plot, one axis row. See `View` for what can be asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tui.format import Line, cut_line, line_width, number, pad_line, spread, while_it_fits
from tui.widgets.braille import STYLE_ORDER, STYLES, Points, Window, drawable, raster
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
class Mark:
    """A faint vertical line with a word: where an attempt or a stage begins."""

    x: float
    text: str


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
    window = _window(layers, view)
    if isinstance(window, str):
        return (pad_line([(title, "bold")], width), *(pad_line([(part, "dim")], width) for part in window.split("\n")))
    unit, x_name = _unit(window, x_name) if view.x == "time" else (1.0, x_name)
    rows = height - 2
    labels = dict(axis_ticks(window.y0, window.y1, rows, log=view.log))
    gutter = max(GUTTER_LEAST, *(len(label) + 1 for label in labels.values())) if labels else GUTTER_LEAST
    plot = _plot(layers, [(labels.get(row, ""), gutter) for row in range(rows)], width - gutter - 1, window, view)
    axis = _axis(window, unit, width, gutter, x_name)
    return (_legend(curves, title, width, view), *plot, axis)


@dataclass(frozen=True)
class _Layer:
    points: Points
    role: str
    style: str


def _layers(curves: Sequence[Curve], view: View) -> list[_Layer]:
    """What is drawn, in this order: raw curves, if there are smooth ones over them; the first curve comes last."""
    layers = []
    for curve in reversed(curves):
        layers.append(_Layer((curve.xs, curve.ys), curve.role, curve.style))
    if view.smoothing:
        raw = [_Layer(layer.points, "faint", "dotted") for layer in layers]
        smooth = [_Layer((xs, smoothed(ys, view.smoothing)), c, s) for (xs, ys), c, s in map(_parts, layers)]
        layers = [*raw, *smooth]
    if view.log:
        layers = [_Layer((xs, [_log(y) for y in ys]), role, style) for (xs, ys), role, style in map(_parts, layers)]
    return layers


def _parts(layer: _Layer) -> tuple[Points, str, str]:
    return layer.points, layer.role, layer.style


def _log(y: float | None) -> float | None:
    return math.log10(y) if y is not None and drawable(y) and y > 0 else None


def _window(layers: Sequence[_Layer], view: View) -> Window | str:
    """The part that is drawn, or the words that stand in its place."""
    xs = [x for layer in layers for x in layer.points[0]]
    count = sum(y is not None and drawable(y) for layer in layers for y in layer.points[1])
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
        for x, y in zip(*layer.points, strict=False)
        if y is not None and x0 <= x <= x1 and drawable(y)
    ]
    if not shown or not x0 < x1:
        return "no value in this part\n0 shows all of it"
    low, high = min(shown), max(shown)
    margin = (high - low) * 0.04 or (0.5 if view.log else abs(high) * 0.1 or 0.5)
    return Window(x0, x1, low - margin, high + margin)


def _unit(window: Window, name: str) -> tuple[float, str]:
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


def _plot(
    layers: Sequence[_Layer], labels: Sequence[tuple[str, int]], width: int, window: Window, view: View
) -> list[Line]:  # fmt: skip
    dots, owner = raster(
        [layer.points for layer in layers], width, len(labels), window, [layer.style for layer in layers]
    )
    roles = [layer.role for layer in layers]
    marks = {at: mark for mark in view.marks if (at := _cell(mark.x, window, width)) is not None}
    cursor = None if view.cursor is None else _cell(view.cursor, window, width)
    lines: list[Line] = []
    for row, (label, gutter) in enumerate(labels):
        line: Line = [(label.rjust(gutter - 1) + " ", "dim"), ("┤" if label else "│", "faint")]
        start = row * width
        cells = [
            (chr(0x2800 + bits), roles[own]) if bits else (" ", "")
            for bits, own in zip(dots[start : start + width], owner[start : start + width], strict=True)
        ]
        for at, mark in marks.items():
            _write(cells, at, "┊" + (mark.text if row == 0 else ""), "faint")
        if cursor is not None:
            cells[cursor] = ("│", "info") if cells[cursor][0] in " ┊" else (cells[cursor][0], "bold info")
        lines.append([*line, *_runs(cells)])
    return lines


def _cell(x: float, window: Window, width: int) -> int | None:
    """The cell of `x`; None if it is not in view."""
    if not window.x0 <= x <= window.x1:
        return None
    return int((x - window.x0) / (window.x1 - window.x0) * (2 * width - 1) + 0.5) >> 1


def _write(cells: list[tuple[str, str]], at: int, text: str, role: str) -> None:
    """Put a text into cells that are empty, whole or only its first character."""
    room = cells[at : at + len(text)]
    for index, char in enumerate(text if len(room) == len(text) and all(cell[0] == " " for cell in room) else text[:1]):
        if cells[at + index][0] == " ":
            cells[at + index] = (char, role)


def _runs(cells: Sequence[tuple[str, str]]) -> Line:
    """Cells as spans: neighbours of one role are joined."""
    line: Line = []
    text, role = "", ""
    for char, own in cells:
        if own == role:
            text += char
        else:
            if text:
                line.append((text, role))
            text, role = char, own
    return [*line, (text, role)]


def _axis(window: Window, unit: float, width: int, gutter: int, x_name: str) -> Line:
    """The x axis with its labels in one row: `epoch └0────────2────────4──`."""
    plot = width - gutter - 1
    cells = [("─", "faint")] * plot
    for start, label in axis_ticks(window.x0 / unit, window.x1 / unit, plot, across=True):
        cells[start : start + len(label)] = [(char, "dim") for char in label]
    return cut_line([(x_name[: gutter - 1].rjust(gutter - 1) + " ", "dim"), ("└", "faint"), *_runs(cells)], width)
