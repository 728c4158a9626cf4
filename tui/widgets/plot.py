"""The body of a chart: braille cells with their colours, marks, cursor and axes, as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.format import Line, cut_line
from tui.widgets.braille import Window, raster
from tui.widgets.ticks import axis_ticks


@dataclass(frozen=True)
class Layer:
    """One line of the plot as it is drawn."""

    xs: Sequence[float]
    ys: Sequence[float | None]
    role: str
    style: str


@dataclass(frozen=True)
class Mark:
    """A faint vertical line with a word: where an attempt or a stage begins."""

    x: float
    text: str


def plot_lines(
    layers: Sequence[Layer],
    window: Window,
    size: tuple[int, int],
    labels: Mapping[int, str],
    gutter: int,
    marks: Sequence[Mark],
    cursor: float | None,
) -> list[Line]:
    """The plot in `size` (width, height) cells, the y axis with its `labels` by row in the first `gutter` + 1 of them.

    The last layer is on top; the cursor is a vertical line, over curves it is only their colour.
    """
    width = size[0] - gutter - 1
    points = [(layer.xs, layer.ys) for layer in layers]
    dots, owner = raster(points, width, size[1], window, [layer.style for layer in layers])
    roles = [layer.role for layer in layers]
    marked = {at: mark for mark in marks if (at := _cell(mark.x, window, width)) is not None}
    read = None if cursor is None else _cell(cursor, window, width)
    lines: list[Line] = []
    for row in range(size[1]):
        label = labels.get(row, "")
        line: Line = [(label.rjust(gutter - 1) + " ", "dim"), ("┤" if label else "│", "faint")]
        start = row * width
        cells = [
            (chr(0x2800 + bits), roles[own]) if bits else (" ", "")
            for bits, own in zip(dots[start : start + width], owner[start : start + width], strict=True)
        ]
        for at, mark in marked.items():
            _write(cells, at, "┊" + (mark.text if row == 0 else ""), "faint")
        if read is not None:
            cells[read] = ("│", "info") if cells[read][0] in " ┊" else (cells[read][0], "bold info")
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


def axis_line(window: Window, unit: float, width: int, gutter: int, x_name: str) -> Line:
    """The x axis with its labels in one row: `epoch └0────────2────────4──`."""
    plot = width - gutter - 1
    cells = [("─", "faint")] * plot
    for start, label in axis_ticks(window.x0 / unit, window.x1 / unit, plot, across=True):
        cells[start : start + len(label)] = [(char, "dim") for char in label]
    return cut_line([(x_name[: gutter - 1].rjust(gutter - 1) + " ", "dim"), ("└", "faint"), *_runs(cells)], width)
