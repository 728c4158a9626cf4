"""Small multiples: several charts of one size in a grid, scrolled so that the chosen one is in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.format import Line, pad_line
from tui.widgets.chart import Curve, View, chart

LEAST_ROWS = 7
MOST_HIGH = 0.55
"""A chart is at most so high for its width, in cells: the eye reads slopes best when they are not steep."""
BETWEEN = 2
"""Free cells between two columns."""


@dataclass(frozen=True)
class Grid:
    """How many charts stand side by side and below each other, and how large each is."""

    columns: int
    rows: int
    """Rows in view."""
    width: int
    height: int
    """Rows of cells for a chart, the free one below it included."""

    def first(self, at: int, before: int = 0) -> int:
        """First row of charts in view: as it was `before`, moved as little as shows the chart `at`."""
        row = at // self.columns
        return max(min(before, row), row - self.rows + 1)


def grid(count: int, width: int, height: int) -> Grid:
    """One column in 80 cells, two from 120, three from 200; charts are as high as fits."""
    columns = max(1, min(count, 1 if width < 116 else 2 if width < 196 else 3))
    needed = -(-count // columns)
    rows = max(1, min(needed, height // (LEAST_ROWS + 1)))
    wide = (width - BETWEEN * (columns - 1)) // columns
    return Grid(columns, rows, wide, min(max(LEAST_ROWS + 1, round(wide * MOST_HIGH)), height // rows))


def grid_lines(
    charts: Mapping[str, Sequence[Curve]], view: View, shape: Grid, *, at: int, first: int
) -> list[Line]:  # fmt: skip
    """The charts in view; the one at place `at` has its title in reverse."""
    titles = list(charts)
    lines: list[Line] = []
    for row in range(first, first + shape.rows):
        places = range(row * shape.columns, min(len(titles), (row + 1) * shape.columns))
        cells = [_cell(titles[place], charts[titles[place]], view, shape, chosen=place == at) for place in places]
        for index in range(shape.height):
            line: Line = []
            for cell in cells:
                line += [*pad_line(cell[index] if index < len(cell) else [], shape.width), (" " * BETWEEN, "")]
            lines.append(line)
    return lines


def _cell(title: str, curves: Sequence[Curve], view: View, shape: Grid, *, chosen: bool) -> list[Line]:
    lines = chart(curves, shape.width, max(4, shape.height - 1), title=title, view=view)
    if chosen:
        (text, role), *rest = lines[0]
        lines[0] = [(text, f"{role} reverse"), *rest]
    return lines
