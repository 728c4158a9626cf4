"""Markdown of the reports: tables, and numbers as they are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

UNKNOWN = "-"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table; a column whose head ends in `:` is set flush right."""
    marks = ["--:" if name.endswith(":") else "---" for name in head]
    lines = [_row(name.removesuffix(":") for name in head), _row(marks).replace(" ", "")]
    return [*lines, *(_row(map(str, row)) for row in rows)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def number(value: float | None, digits: int = 3) -> str:
    """Return `digits` significant digits, `-` for what is not known."""
    return UNKNOWN if value is None else f"{value:.{digits}g}"


def percent(value: float | None) -> str:
    """Return a share as `97.2 %`."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def points(value: float | None) -> str:
    """Return a difference of shares as `+1.2`."""
    return UNKNOWN if value is None else f"{100 * value:+.1f}"
