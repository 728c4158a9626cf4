"""A screen as text that a diff shows well: each row of characters, and under it a letter for the style of each cell."""

from __future__ import annotations

import string
from typing import Any

from rich.cells import cell_len
from rich.style import Style
from textual.app import App

LETTERS = string.ascii_letters + string.digits + "!#$%&*+=?@"


def rows(app: App[Any]) -> list[list[tuple[str, Style]]]:
    """What the terminal would show, row by row, as (text, style) runs."""
    strips = app.screen._compositor.render_strips()
    return [[(segment.text, segment.style or Style()) for segment in strip] for strip in strips]


def plain(app: App[Any]) -> str:
    """The screen's characters only."""
    return "\n".join("".join(text for text, _ in row).rstrip() for row in rows(app))


def screen_text(app: App[Any]) -> str:
    """Characters, styles, and the legend of the styles."""
    legend: dict[str, str] = {}
    lines = []
    for row in rows(app):
        marks = []
        for text, style in row:
            name = _name(style)
            letter = legend.setdefault(name, LETTERS[len(legend) % len(LETTERS)])
            marks.append((letter if text.strip() else " ") * cell_len(text))
        lines += ["|" + "".join(text for text, _ in row) + "|", " " + "".join(marks).rstrip()]
    return "\n".join([*lines, "", *(f"{letter} {name}" for name, letter in legend.items()), ""])


def _name(style: Style) -> str:
    words = [word for word in ("bold", "underline", "reverse", "dim", "italic") if getattr(style, word)]
    colour = style.color.name if style.color is not None else "default"
    back = style.bgcolor.name if style.bgcolor is not None else "default"
    return " ".join([colour, "on", back, *words])
