"""A frame around lines, with texts in its edges: what tells the parts of the screen apart."""

from __future__ import annotations

from collections.abc import Sequence

from tui.format import Line, Span, cut_line, line_width, pad_line


def box(
    body: Sequence[Sequence[Span]],
    width: int,
    height: int,
    *,
    title: Line,
    end: Line,
    foot: Line,
    focus: bool,
    role: str,
) -> list[Line]:
    """Frame `body` in `width` x `height` cells. A focused frame is heavy, so that it shows without colour."""
    shape = "┏━┓┃┗━┛" if focus else "╭─╮│╰─╯"
    inner = width - 4
    lines = [_edge(shape[0], shape[1], shape[2], title, end, width, role)]
    for index in range(height - 2):
        content = body[index] if index < len(body) else []
        lines.append([(shape[3] + " ", role), *pad_line(content, inner), (" " + shape[3], role)])
    return [*lines, _edge(shape[4], shape[5], shape[6], foot, [], width, role)]


def _edge(left: str, rule: str, right: str, title: Line, end: Line, width: int, role: str) -> Line:
    """One horizontal border with a title at its start and another text at its end."""
    half = max(width // 2, width - line_width(title) - 9)
    end_shown = [(" ", ""), *cut_line(end, max(0, half)), (" ", "")] if end else []
    room = width - 4 - line_width(end_shown) - (1 if end else 0)
    title_shown = [(" ", ""), *cut_line(title, max(0, room - 2)), (" ", "")] if title else []
    fill = width - 3 - line_width(title_shown) - line_width(end_shown) - (1 if end else 0)
    tail = [*end_shown, (rule, role)] if end else []
    return [(left + rule, role), *title_shown, (rule * max(0, fill), role), *tail, (right, role)]
