"""Tables of Markdown with their columns in line, for a screen that shows Markdown as it is written. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

MAX_WIDTH = 400
"""Cells of a row beyond which a table is left as it is written."""
_BORDER = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


def aligned(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of a page, every table in it padded to the widest cell of each column."""
    out: list[str] = []
    block: list[str] = []
    for line in (*lines, ""):
        if line.startswith("|"):
            block.append(line)
            continue
        out += _aligned(block) if block else []
        block = []
        out.append(line)
    return tuple(out[:-1])


def _aligned(block: list[str]) -> list[str]:
    rows = [_cells(line) for line in block]
    rule = rows[1] if len(rows) > 1 else []
    if not rule or not all(map(_RULE.fullmatch, rule)) or len({*map(len, rows)}) > 1:
        return block
    texts = [row for number, row in enumerate(rows) if number != 1]
    widths = [max(3, *map(cell_len, column)) for column in zip(*texts, strict=True)]
    if sum(widths) + 3 * len(widths) > MAX_WIDTH:
        return block
    flush = [mark.endswith(":") for mark in rule]
    told = ["| " + " | ".join(map(_padded, row, widths, flush)) + " |" for row in texts]
    marks = ["-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, flush, strict=True)]
    return [told[0], f"|{'|'.join(marks)}|", *told[1:]]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _BORDER.split(line.strip().removeprefix("|").removesuffix("|"))]


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap
